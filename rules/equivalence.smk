# Do two optimizers, or two training set-ups, have the same dynamics? (arXiv 2302.09160)
EQUIVALENCE = PLANS["equivalence"]
TRAINED_PART = ", part {wildcards.part}" if len(EQUIVALENCE.parts) > 1 else ""


wildcard_constraints:
    setup=one_of(EQUIVALENCE.alone),
    part="[0-9]+",


rule run_optimizers:
    input:
        code=library("run_optimizers"),
    output:
        trajectories="<results>/equivalence/optimizers/trajectories.npz",
        eigenvalues="<results>/equivalence/optimizers/eigenvalues.csv",
        distances="<results>/equivalence/optimizers/distances.csv",
    log:
        "<logs>/run_optimizers.log",
    benchmark:
        "<benchmarks>/run_optimizers.tsv"
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small(2, estimates.DRAWING_MB)),
    params:
        study=SETTINGS.equivalence.optimizers.dump(),
        seed=SETTINGS.seed,
    message:
        "Running mirror descent, gradient descent and bisection on one problem"
    script:
        "../scripts/run_optimizers.py"


use rule plot as plot_optimizers with:
    input:
        trajectories=rules.run_optimizers.output.trajectories,
        eigenvalues=rules.run_optimizers.output.eigenvalues,
        distances=rules.run_optimizers.output.distances,
        code=library("plot_optimizers"),
    output:
        runs=figure("optimizers_runs"),
        spectra=figure("optimizers_spectra"),
    log:
        "<logs>/plot_optimizers.log",
    benchmark:
        "<benchmarks>/plot_optimizers.tsv"
    params:
        script="plot_optimizers",
        style=SETTINGS.figures.style.dump(),
    message:
        "Drawing the three optimizers"


rule train_ensemble:
    input:
        code=library("train_ensemble"),
    output:
        trajectories=[state("<results>/equivalence/training/{setup}/{part}/trajectories.h5")],
        replicas=[part("<results>/equivalence/training/{setup}/{part}/replicas.csv")],
    log:
        "<logs>/train_ensemble/{setup}-{part}.log",
    benchmark:
        "<benchmarks>/train_ensemble/{setup}-{part}.tsv"
    priority: 20
    conda:
        "../envs/training.yaml"
    threads: SETTINGS.threads
    resources:
        **estimates.asked(lambda wildcards: EQUIVALENCE.training_estimate(wildcards.setup, int(wildcards.part))),
        **GPU,
    params:
        setups=lambda wildcards: EQUIVALENCE.trained([wildcards.setup]),
        seeds=lambda wildcards: EQUIVALENCE.parts[int(wildcards.part)],
        data=lambda wildcards: EQUIVALENCE.images([wildcards.setup]),
        copies=EQUIVALENCE.training.copies,
        perturbation=EQUIVALENCE.training.perturbation,
        capture_every=EQUIVALENCE.training.capture_every,
        first_state=EQUIVALENCE.training.first_state,
        checkpoint_interval=SETTINGS.checkpoint_interval,
        device=SETTINGS.device,
        seed=SETTINGS.seed,
    message:
        f"Training the ensemble of set-up {{wildcards.setup}}{TRAINED_PART}"
    script:
        "../scripts/train_ensemble.py"


# Set-ups that train in seconds share a job, which starts and imports torch once.
use rule train_ensemble as train_short_setups with:
    output:
        trajectories=state(
            expand("<results>/equivalence/training/{setup}/0/trajectories.h5", setup=EQUIVALENCE.together)
        ),
        replicas=part(expand("<results>/equivalence/training/{setup}/0/replicas.csv", setup=EQUIVALENCE.together)),
    log:
        "<logs>/train_short_setups.log",
    benchmark:
        "<benchmarks>/train_short_setups.tsv"
    priority: 45  # with its fits the longest chain but for tickets: it starts early, and short jobs fill the end
    resources:
        **estimates.asked(EQUIVALENCE.trainings_estimate(EQUIVALENCE.together)),
        **GPU,
    params:
        setups=EQUIVALENCE.trained(EQUIVALENCE.together),
        seeds=EQUIVALENCE.parts[0],
        data=EQUIVALENCE.images(EQUIVALENCE.together),
        copies=EQUIVALENCE.training.copies,
        perturbation=EQUIVALENCE.training.perturbation,
        capture_every=EQUIVALENCE.training.capture_every,
        first_state=EQUIVALENCE.training.first_state,
        checkpoint_interval=SETTINGS.checkpoint_interval,
        device=SETTINGS.device,
        seed=SETTINGS.seed,
    message:
        f"Training the ensembles of {len(EQUIVALENCE.together)} short set-ups"


rule fit_spectra:
    input:
        trajectories=expand(
            "<results>/equivalence/training/{{setup}}/{part}/trajectories.h5",
            part=range(len(EQUIVALENCE.parts)),
        ),
        replicas=expand(
            "<results>/equivalence/training/{{setup}}/{part}/replicas.csv", part=range(len(EQUIVALENCE.parts))
        ),
        code=library("fit_spectra"),
    output:
        eigenvalues=[part("<results>/equivalence/training/{setup}/eigenvalues.csv")],
        losses=[part("<results>/equivalence/training/{setup}/losses.csv")],
        exclusions=[part("<results>/equivalence/training/{setup}/exclusions.csv")],
        operators=[part("<results>/equivalence/training/{setup}/operators.npz")] if EQUIVALENCE.with_operators else [],
    log:
        "<logs>/fit_spectra/{setup}.log",
    benchmark:
        "<benchmarks>/fit_spectra/{setup}.tsv"
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: SETTINGS.threads
    resources:
        **estimates.asked(lambda wildcards: EQUIVALENCE.fits_estimate(wildcards.setup)),
    params:
        koopman=lambda wildcards: EQUIVALENCE.fitted([wildcards.setup]),
        parts=EQUIVALENCE.parts,
        copies=EQUIVALENCE.training.copies,
        largest=EQUIVALENCE.training.largest_rank,
    message:
        "Fitting a Koopman operator per seed of set-up {wildcards.setup}"
    script:
        "../scripts/fit_spectra.py"


use rule fit_spectra as fit_short_setups with:
    input:
        trajectories=expand("<results>/equivalence/training/{setup}/0/trajectories.h5", setup=EQUIVALENCE.together),
        replicas=expand("<results>/equivalence/training/{setup}/0/replicas.csv", setup=EQUIVALENCE.together),
        code=library("fit_spectra"),
    output:
        eigenvalues=part(expand("<results>/equivalence/training/{setup}/eigenvalues.csv", setup=EQUIVALENCE.together)),
        losses=part(expand("<results>/equivalence/training/{setup}/losses.csv", setup=EQUIVALENCE.together)),
        exclusions=part(expand("<results>/equivalence/training/{setup}/exclusions.csv", setup=EQUIVALENCE.together)),
        operators=part(
            expand(
                "<results>/equivalence/training/{setup}/operators.npz",
                setup=EQUIVALENCE.together if EQUIVALENCE.with_operators else [],
            )
        ),
    log:
        "<logs>/fit_short_setups.log",
    benchmark:
        "<benchmarks>/fit_short_setups.tsv"
    priority: 45
    resources:
        **estimates.asked(EQUIVALENCE.all_fits_estimate(EQUIVALENCE.together)),
    params:
        koopman=EQUIVALENCE.fitted(EQUIVALENCE.together),
        parts=EQUIVALENCE.parts,
        copies=EQUIVALENCE.training.copies,
        largest=EQUIVALENCE.training.largest_rank,
    message:
        f"Fitting a Koopman operator per seed of {len(EQUIVALENCE.together)} short set-ups"


rule compare_setups:
    input:
        eigenvalues=expand("<results>/equivalence/training/{setup}/eigenvalues.csv", setup=EQUIVALENCE.setups),
        losses=expand("<results>/equivalence/training/{setup}/losses.csv", setup=EQUIVALENCE.setups),
        exclusions=expand("<results>/equivalence/training/{setup}/exclusions.csv", setup=EQUIVALENCE.setups),
        operators=[f"<results>/equivalence/training/{name}/operators.npz" for name in EQUIVALENCE.with_operators],
        code=library("compare_setups"),
    output:
        eigenvalues="<results>/equivalence/training/eigenvalues.csv",
        distances="<results>/equivalence/training/distances.csv",
        tests="<results>/equivalence/training/tests.csv",
        rank_tests="<results>/equivalence/training/rank_tests.csv",
        rank_distances="<results>/equivalence/training/rank_distances.csv",
        distance_tests="<results>/equivalence/training/distance_tests.csv",
        stability="<results>/equivalence/training/stability.csv",
        matrix="<results>/equivalence/training/distance_matrix.csv",
        losses="<results>/equivalence/training/losses.csv",
        exclusions="<results>/equivalence/training/exclusions.csv",
    log:
        "<logs>/compare_setups.log",
    benchmark:
        "<benchmarks>/compare_setups.tsv"
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **estimates.asked(EQUIVALENCE.comparison_estimate()),
    params:
        comparisons=plain(EQUIVALENCE.training.comparisons),
        shuffles=EQUIVALENCE.training.shuffles,
        significance=EQUIVALENCE.training.significance,
        margin=EQUIVALENCE.training.margin,
        distance=EQUIVALENCE.training.distance,
        ranks={name: setup.koopman.rank for name, setup in EQUIVALENCE.setups.items()},
        stability=EQUIVALENCE.training.stability,
        seed=SETTINGS.seed,
    message:
        "Comparing spectra between and within set-ups"
    script:
        "../scripts/compare_setups.py"


use rule plot as plot_equivalence with:
    input:
        eigenvalues=rules.compare_setups.output.eigenvalues,
        distances=rules.compare_setups.output.distances,
        tests=rules.compare_setups.output.tests,
        rank_tests=rules.compare_setups.output.rank_tests,
        stability=rules.compare_setups.output.stability,
        matrix=rules.compare_setups.output.matrix,
        losses=rules.compare_setups.output.losses,
        code=library("plot_equivalence"),
    output:
        spectra=figure("equivalence_spectra"),
        distances=figure("equivalence_distances"),
        matrix=figure("equivalence_distance_matrix"),
        losses=figure("equivalence_losses"),
        ranks=figure("equivalence_ranks"),
    log:
        "<logs>/plot_equivalence.log",
    benchmark:
        "<benchmarks>/plot_equivalence.tsv"
    params:
        script="plot_equivalence",
        style=SETTINGS.figures.style.dump(),
        comparisons=plain(EQUIVALENCE.training.comparisons),
        margin=EQUIVALENCE.training.margin,
        share=EQUIVALENCE.training.stability,
        distance=EQUIVALENCE.training.distance,
    message:
        "Drawing the equivalence of set-ups"


include: "windows.smk"


rule equivalence:
    input:
        "<results>/checks/equivalence.json",
        rules.run_optimizers.output,
        rules.plot_optimizers.output,
        rules.compare_setups.output,
        rules.plot_equivalence.output,
        [*rules.compare_windows.output, *rules.plot_windows.output] if EQUIVALENCE.windows else [],
