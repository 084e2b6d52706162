# The papers, figure by figure: published figures redrawn on their own axes, and a page that sets every one beside ours.
PAPERS = PLANS["papers"]
OTHERS = PAPERS.others(FIGURES.values())
WIDTHS = PAPERS.widths()
WINDOWS = PAPERS.windows()
GROKKING_PAIRS = PAPERS.grokking()
WIDTH_SETUPS = list(dict.fromkeys(setup for part in WIDTHS.values() for setup in part.names.values()))


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


# One job, since a drawing job spends two seconds on its libraries. Inputs of figures that this study lacks are left out.
use rule plot as plot_paper_equivalence with:
    input:
        trajectories=rules.run_optimizers.output.trajectories,
        optimizers=rules.run_optimizers.output.eigenvalues,
        eigenvalues=rules.compare_setups.output.eigenvalues if WIDTHS else [],
        distances=rules.compare_setups.output.distances if WIDTHS else [],
        tests=rules.compare_setups.output.tests if WIDTHS else [],
        losses=rules.compare_setups.output.losses if WIDTHS else [],
        weights=rules.sample_weights.output[0] if WIDTHS else [],
        window_eigenvalues=rules.compare_windows.output.eigenvalues if WINDOWS else [],
        window_distances=rules.compare_windows.output.distances if WINDOWS else [],
        curves=rules.fit_grokking.output.curves if GROKKING_PAIRS else [],
        grokking=rules.fit_grokking.output.eigenvalues if GROKKING_PAIRS else [],
        code=library("plot_paper_equivalence"),
    output:
        two=paper_figure("papers/equivalence/figure-2.png", "papers_figure_2"),
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
        windows=paper_figure("papers/equivalence/figure-4.png", "papers_figure_4") if WINDOWS else [],
        later=paper_figure("papers/equivalence/figure-s5.png", "papers_figure_s5") if "later_windows" in WINDOWS else [],
        grokking=[
            file
            for of in GROKKING_PAIRS
            for file in paper_figure(variant_picture("papers/equivalence/figure-5", of), "papers_figure_5", of)
        ],
    log:
        "<logs>/plot_paper_equivalence.log",
    benchmark:
        "<benchmarks>/plot_paper_equivalence.tsv"
    conda:
        "../envs/koopman.yaml"
    resources:
        **estimates.asked(estimates.drawing(3 + 2 * len(WIDTHS) + len(GROKKING_PAIRS))),
    params:
        script="plot_paper_equivalence",
        style=SETTINGS.figures.style.dump(),
        widths=[part.dump() for part in WIDTHS.values()],
        epochs={name: int(epoch) for name, epoch in WINDOWS["windows"].names.items()} if WINDOWS else {},
        grokking=[part.dump() for part in GROKKING_PAIRS.values()],
        first_steps=SETTINGS.grokking.first_steps,
    message:
        "Drawing the figures of the papers on equivalence"


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
        benchmarks=logs_of(SETTINGS.results, "benchmarks"),
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
        checks_of(["equivalence", "grokking"]),
        PICTURES["equivalence"],


rule papers_pruning:
    input:
        checks_of(["pruning"]),
        PICTURES["pruning"],


rule papers_tickets:
    input:
        checks_of(["tickets"]),
        PICTURES["tickets"],


rule papers_memory:
    input:
        checks_of(["forecast"]),
        PICTURES["memory"],


rule papers:
    input:
        checks_of(["equivalence", "grokking", "pruning", "tickets", "forecast"]),
        rules.write_papers.output,
