# The base of all drawing rules (`use rule plot as`). Each names its tables, figures and log, and its script.
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
