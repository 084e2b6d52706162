"""Draw error against horizon and the tables of skill."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads):
    from koopflow.figures import forecast, style
    from koopflow.tables import read_csv

    style.use(snakemake.params.style)
    skill = read_csv(snakemake.input.skill)
    style.save(forecast.errors(skill, snakemake.params.series), snakemake.output.errors[0])
    style.save(forecast.skill_table(skill), snakemake.output.skill[0])
    style.save(forecast.skill_table(skill, "naive"), snakemake.output.naive[0])
