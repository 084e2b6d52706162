# The papers, figure by figure: published figures redrawn on their own axes, and a page that sets every one beside ours.
PAPERS = PLANS["papers"]
OTHERS = PAPERS.others(FIGURES.values())
WIDTHS = PAPERS.widths()
WINDOWS = PAPERS.windows()
GROKKING_PAIRS = PAPERS.grokking()
WIDTH_SETUPS = list(dict.fromkeys(setup for part in WIDTHS.values() for setup in part.names.values()))


use rule plot as plot_paper_optimizers with:
    input:
        trajectories=rules.run_optimizers.output.trajectories,
        eigenvalues=rules.run_optimizers.output.eigenvalues,
        code=library("plot_paper_optimizers"),
    output:
        paper_figure("papers/equivalence/figure-2.png", "papers_figure_2"),
    log:
        "<logs>/plot_paper_optimizers.log",
    benchmark:
        "<benchmarks>/plot_paper_optimizers.tsv"
    params:
        script="plot_paper_optimizers",
        style=SETTINGS.figures.style.dump(),
    message:
        "Drawing Fig. 2 of arXiv 2302.09160"


# Without this table a change of style would need the trajectories, which a study may drop.
rule sample_weights:
    input:
        trajectories=[f"<results>/equivalence/training/{setup}/0/trajectories.h5" for setup in WIDTH_SETUPS],
        code=library("sample_weights"),
    output:
        "<results>/papers/equivalence/weights.csv",
    log:
        "<logs>/sample_weights.log",
    benchmark:
        "<benchmarks>/sample_weights.tsv"
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **SMALL,
    params:
        setups=WIDTH_SETUPS,
    message:
        "Taking example weights of several widths"
    script:
        "../scripts/sample_weights.py"


use rule plot as plot_paper_widths with:
    input:
        eigenvalues=rules.compare_setups.output.eigenvalues,
        distances=rules.compare_setups.output.distances,
        tests=rules.compare_setups.output.tests,
        losses=rules.compare_setups.output.losses,
        weights=rules.sample_weights.output[0],
        code=library("plot_paper_widths"),
    output:
        three=[
            file
            for of in WIDTHS
            for file in paper_figure(variant_picture("papers/equivalence/figure-3", of), "papers_figure_3", of)
        ],
        four=[
            file
            for of in WIDTHS
            for file in paper_figure(variant_picture("papers/equivalence/figure-s4", of), "papers_figure_s4", of)
        ],
    log:
        "<logs>/plot_paper_widths.log",
    benchmark:
        "<benchmarks>/plot_paper_widths.tsv"
    conda:
        "../envs/koopman.yaml"
    params:
        script="plot_paper_widths",
        style=SETTINGS.figures.style.dump(),
        parts=[part.dump() for part in WIDTHS.values()],
    message:
        "Drawing Figs. 3 and S4 of arXiv 2302.09160"


use rule plot as plot_paper_windows with:
    input:
        eigenvalues=rules.compare_windows.output.eigenvalues,
        distances=rules.compare_windows.output.distances,
        code=library("plot_paper_windows"),
    output:
        first=paper_figure("papers/equivalence/figure-4.png", "papers_figure_4") if "windows" in WINDOWS else [],
        later=paper_figure("papers/equivalence/figure-s5.png", "papers_figure_s5") if "later_windows" in WINDOWS else [],
    log:
        "<logs>/plot_paper_windows.log",
    benchmark:
        "<benchmarks>/plot_paper_windows.tsv"
    params:
        script="plot_paper_windows",
        style=SETTINGS.figures.style.dump(),
        epochs=WINDOWS["windows"].names if WINDOWS else {},
    message:
        "Drawing Figs. 4 and S5 of Identifying Equivalent Training Dynamics"


use rule plot as plot_paper_grokking with:
    input:
        curves=rules.fit_grokking.output.curves,
        eigenvalues=rules.fit_grokking.output.eigenvalues,
        code=library("plot_paper_grokking"),
    output:
        [
            file
            for of in GROKKING_PAIRS
            for file in paper_figure(variant_picture("papers/equivalence/figure-5", of), "papers_figure_5", of)
        ],
    log:
        "<logs>/plot_paper_grokking.log",
    benchmark:
        "<benchmarks>/plot_paper_grokking.tsv"
    params:
        script="plot_paper_grokking",
        style=SETTINGS.figures.style.dump(),
        parts=[part.dump() for part in GROKKING_PAIRS.values()],
        first_steps=SETTINGS.grokking.first_steps,
    message:
        "Drawing Fig. 5 of Identifying Equivalent Training Dynamics"


use rule plot as plot_paper_pruning with:
    input:
        accuracy=rules.collect_pruning.output.accuracy,
        overlap=rules.collect_pruning.output.overlap,
        code=library("plot_paper_pruning"),
    output:
        figure=paper_figure("papers/pruning/figure-1.png", "papers_figure_1") if PAPERS.pretrained() else [],
    log:
        "<logs>/plot_paper_pruning.log",
    benchmark:
        "<benchmarks>/plot_paper_pruning.tsv"
    params:
        script="plot_paper_pruning",
        style=SETTINGS.figures.style.dump(),
        studies=PAPERS.pretrained(),
    message:
        "Drawing Fig. 1 of arXiv 2110.14856"


use rule plot as plot_paper_memory with:
    input:
        skill=rules.score_forecasts.output.skill,
        code=library("plot_paper_memory"),
    output:
        table="<results>/papers/memory/improvement.csv",
        figures=[
            file
            for part in PAPERS.memory()
            for file in paper_figure(
                variant_picture("papers/memory/improvement", part.name), "papers_improvement", part.name
            )
        ],
    log:
        "<logs>/plot_paper_memory.log",
    benchmark:
        "<benchmarks>/plot_paper_memory.tsv"
    resources:
        **estimates.asked(estimates.drawing(len(PAPERS.memory()))),
    params:
        script="plot_paper_memory",
        style=SETTINGS.figures.style.dump(),
        parts=[part.dump() for part in PAPERS.memory()],
    message:
        "Drawing the improvement by episodic memory"


# Pictures of other stages appear on the page where this study draws them.
rule write_papers:
    input:
        pictures=[f"<results>/{picture}" for picture in (*PAPERS.drawn(), *OTHERS.values())],
        tables=[f"<results>/{table}" for table in PAPERS.tables],
        code=library("write_papers"),
    output:
        table="<results>/papers/figures.csv",
        page="<results>/papers/index.md",
    log:
        "<logs>/write_papers.log",
    benchmark:
        "<benchmarks>/write_papers.tsv"
    conda:
        "../envs/claims.yaml"
    threads: 1
    resources:
        **SMALL,
    params:
        papers=PAPERS.inventory(),
        parts=[part.dump() for part in PAPERS.parts],
        pictures={picture: picture for picture in PAPERS.drawn()} | OTHERS,
        tables=PAPERS.tables,
    message:
        "Setting the papers' figures beside those of this run"
    script:
        "../scripts/write_papers.py"


PICTURES = {
    paper: [f"<results>/{picture}" for picture in (*PAPERS.drawn(paper), *PAPERS.of_others(paper, OTHERS))]
    for paper in ("equivalence", "pruning", "tickets", "memory")
}


rule papers_equivalence:
    input:
        PICTURES["equivalence"],


rule papers_pruning:
    input:
        PICTURES["pruning"],


rule papers_tickets:
    input:
        PICTURES["tickets"],


rule papers_memory:
    input:
        PICTURES["memory"],


rule papers:
    input:
        rules.write_papers.output,
