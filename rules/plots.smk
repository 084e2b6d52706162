# The base of all drawing rules (`use rule plot as`). Each names its tables, figures and log, and its script.
rule plot:
    log:
        "<logs>/plot.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.drawing(4)),
    script:
        "../scripts/{params.script}.py"
