# What the rules that draw have in common (`use rule plot as`). Each names its tables, figures and log, and the script that draws.
rule plot:
    log:
        "<logs>/plot.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **SMALL,
    script:
        "../scripts/{params.script}.py"
