"""Check participants' files, take out what is personal, and measure: `snakemake study_results`."""

from harness import grid, places
from harness.job import Config, Paths, main

PARTS = ("study.answers", "study.limits", "statistics", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the answers without names, the files that do not count, and the measures."""
    from harness.loading import build_as
    from sparks.artifacts import save_table, write_text
    from sparks.stats import Bootstrap
    from sparks_thesis.human_study import Key, Limits, measure, read_answers

    key, limits = Key.load(inputs["key"]), build_as(Limits, cfg["study.limits"])
    answers, rejected = read_answers(cfg["study.answers"], key, limits, cfg["seed"])
    for file, reason in rejected.itertuples(index=False):
        print(f"{file} does not count: {reason}")
    draw = Bootstrap(**cfg["statistics"], seed=cfg["seed"])
    measures = measure(answers, key, draw, rejected=len(rejected))
    save_table(outputs["answers"], answers, cfg.provenance())
    save_table(outputs["measures"], measures, cfg.provenance())
    write_text(outputs["rejected"], rejected.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs=lambda config, names: {"key": grid.study_key(config)},
        outputs={
            "answers": places.STUDY_ANSWERS,
            "rejected": places.STUDY_REJECTED,
            "measures": places.STUDY_MEASURES,
        },
        snakemake=globals().get("snakemake"),
    )
