# What the rules that draw have in common. Each names its tables and figures, and the script that draws them.
rule plot:
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **SMALL,
    script:
        "../scripts/{params.script}.py"
