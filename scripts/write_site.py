"""Write the results as one web page."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from pathlib import Path

    from koopflow.cli import site

    given, params = snakemake.input, snakemake.params
    files = {Path(file).name: Path(file).read_text(encoding="utf-8") for file in (*given.captions, *given.glossary)}
    texts = {Path(name).stem: text for name, text in files.items() if name.endswith(".rst")} | params.captions
    pictures = {Path(file).name: Path(file).read_bytes() for file in given.pictures}
    content = {
        "papers": site.papers(site.claims(given.claims), files["papers.md"]),
        "sections": site.sections(params.shown, texts, Path(given.claims).parent, params.interactive),
        "glossary": site.glossary(files.get("glossary.md", ""), pictures),
        "command": params.command,
    }
    written = site.page(files["site.html"], content, params.values)
    Path(snakemake.output[0]).write_text(written, encoding="utf-8")
