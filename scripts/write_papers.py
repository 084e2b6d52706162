"""Set every published figure and table beside this run's: a table and a page."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from pathlib import Path

    from koopflow.claims.tables import Tables
    from koopflow.io.columns import PAPER_FIGURES
    from koopflow.io.tables import read_csv, write_csv
    from koopflow.papers.compare import figure_table
    from koopflow.papers.found import found_tables
    from koopflow.papers.inventory import Paper
    from koopflow.papers.page import as_markdown
    from koopflow.papers.parts import Part, label_of
    from koopflow.papers.times import in_words, took

    given = snakemake.params
    papers = {name: Paper.load(paper, name) for name, paper in given.papers.items()}
    tables = Tables(given={name: read_csv(path) for name, path in zip(given.tables, snakemake.input.tables)})
    parts = [Part.load(part) for part in given.parts]
    table = figure_table(papers, parts, given.pictures, tables)
    for word, count in table.drop_duplicates(["paper", "figure", "variant"])["verdict"].value_counts().items():
        log.info("%d figures: %s", count, word)
    write_csv(table, snakemake.output.table, PAPER_FIGURES)
    # Benchmark files are no inputs: times differ between runs, and no result depends on them.
    times = {(part.name, part.variant): in_words(took(Path(given.benchmarks), part.jobs)) for part in parts}
    labels = {(part.name, part.variant): label_of(part) for part in parts}
    page = as_markdown(papers, table, found_tables(papers, parts, tables), times, labels)
    Path(snakemake.output.page).write_text(page, encoding="utf-8")
