"""The configuration: frozen models of every block, resolved and checked before anything runs.

Settings are read by attribute: ``setup.optimizer.learning_rate``. ``Model.load(mapping)`` checks a
mapping and raises a one-line KoopflowError. ``model.dump()`` returns plain dicts and lists with the
keys that were given, in their order; a `Block` adds its defaults. Nothing here imports numpy,
because the Snakefile imports this package in every job.

base
    Settings, the base of all models; Block, whose dump includes defaults; PartOf, which marks a
    mapping that is merged over a base.
common
    Types of fields: Count, Natural, Number, Positive, Fraction, Rank, Name, PathText, Items, ...
data
    DataSet, Transform; DataSelection, one data set with those that it refers to.
series
    SeriesSettings.
training
    TrainingSetup, ModelSettings, OptimizerSettings, ScheduleSettings.
equivalence
    EquivalenceSettings, OptimizersStudy, EquivalenceTraining; Setup, a TrainingSetup with its
    KoopmanSettings.
spectra
    TrajectorySettings, SpectraSettings.
pruning
    PruningSettings, PruningStudy, PruningMethod, FineTune, SaveMasks; PrunedTraining, the settings
    that determine the training.
tickets
    TicketsSettings, TicketStudy, Controls, Transfer, Composition, Elastic, WindowSettings,
    External; ChainSettings, the settings that determine a chain; TicketJob, the settings of one
    job.
forecast
    ForecastSettings, ForecasterSettings.
claims
    ClaimsSettings, ClaimSettings; ``claim.options`` are the options of its measure.
figures
    FiguresSettings, StyleSettings.
study
    Study, the whole configuration.

`resolution` merges a user's file over the default study. `setups`, `pruning_studies` and
`ticket_studies` merge studies over their bases and check them; `references` checks data sets and
files. `messages` writes the error messages. `schema` and `reference` write the JSON schema and the
page of all keys.
"""
