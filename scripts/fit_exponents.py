"""Write the tables of the ticket stage, from chains and from rounds trained elsewhere."""

from pathlib import Path

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import pandas as pd

    from koopflow.config.tickets import CollectedStudy, FlowSettings
    from koopflow.io.columns import TICKET_ELASTIC, TICKET_TABLES
    from koopflow.io.tables import read_csv, write_csv
    from koopflow.tickets.summary import all_tables
    from koopflow.tickets.trained import read_study

    given = snakemake.params
    studies = {name: CollectedStudy.load(study) for name, study in given.studies.items()}
    trained = {name: read_study(study, Path(given.folder, name)) for name, study in studies.items()}
    found = all_tables(FlowSettings.load(given.tickets), studies, trained, log.info)
    stretched = [read_csv(path, TICKET_ELASTIC) for path in snakemake.input.elastic]
    found["elastic"] = pd.concat(stretched) if stretched else pd.DataFrame(columns=list(TICKET_ELASTIC))
    for name, frame in found.items():
        write_csv(frame, snakemake.output[name], TICKET_TABLES[name])
