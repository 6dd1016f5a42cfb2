"""Check participants' files, take out what is personal, and measure: `snakemake study_results`."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("study.answers", "study.limits", "statistics", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the answers without names, the files that do not count, and the measures."""
    from sparks.io import save_table, write_text
    from sparks.stats import Bootstrap
    from sparks_thesis.human_study import Key, Limits, measure, read_answers
    from sparks_thesis.pipeline.factories import build_as

    key, limits = Key.load(inputs["key"]), build_as(Limits, cfg["study.limits"])
    answers, rejected = read_answers(cfg["study.answers"], key, limits, cfg["seed"])
    for file, reason in rejected.itertuples(index=False):
        print(f"{file} does not count: {reason}")
    draw = build_as(Bootstrap, cfg["statistics"])
    measures = measure(answers, key, draw, rejected=len(rejected))
    save_table(outputs["answers"], answers, cfg.provenance())
    save_table(outputs["measures"], measures, cfg.provenance())
    write_text(outputs["rejected"], rejected.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=lambda config, names: {"key": dag.study_key(config)},
        outputs={
            "answers": paths.STUDY_ANSWERS,
            "rejected": paths.STUDY_REJECTED,
            "measures": paths.STUDY_MEASURES,
        },
        snakemake=globals().get("snakemake"),
    )
