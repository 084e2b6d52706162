"""The configuration: frozen models of every block, resolved against their bases, checked before anything is computed.

Settings are read by attribute: ``setup.optimizer.learning_rate``. ``Model.load(mapping)`` checks a mapping and raises a one-line
KoopflowError; ``model.dump()`` gives plain dicts and lists back, with the keys that were given, in their order (a `Block` adds
its defaults). Nothing here imports numpy, because the Snakefile imports this room in every job.

=================== ==============================================================================================================
module              models
=================== ==============================================================================================================
base                Settings (base of all), Block (its dump includes defaults), PartOf (marks what is merged over a base)
common              types of fields: Count, Natural, Number, Positive, Fraction, Rank, Name, PathText, Items, Omittable, ...
data                DataSet, Transform, DataSelection (one data set with those it refers to: params of a job)
series              SeriesSettings
training            TrainingSetup, ModelSettings, OptimizerSettings, ScheduleSettings
equivalence         EquivalenceSettings, OptimizersStudy, EquivalenceTraining, Setup (a TrainingSetup with its KoopmanSettings)
spectra             TrajectorySettings, SpectraSettings
pruning             PruningSettings, PruningStudy, PrunedTraining (what decides its training), PruningMethod, FineTune, SaveMasks
tickets             TicketsSettings, TicketStudy, ChainSettings (what decides a chain), TicketJob (params of a job), Controls,
                    Transfer, Composition, Elastic, WindowSettings, External
forecast            ForecastSettings
claims              ClaimsSettings, ClaimSettings (options of the measure: ``claim.options``)
figures             FiguresSettings, StyleSettings
study               Study, the whole
=================== ==============================================================================================================
"""
