"""Simulated participants: files of answers as the page would store them."""

import random

from sparks_thesis.human_study.key import FORMAT


def answered(key, participant, condition="baseline", scenario=None, skill=0.7, seed=0, **changes):
    """What a participant who predicts a share `skill` rightly leaves."""
    draw = random.Random(f"{participant} {seed}")
    scenario = scenario or next(iter(key.scenarios))
    asked = key.scenarios[scenario]
    examples, answers, checks = [], [], []
    for session, names in asked.names(examples=True).items():
        shown = sorted(names)
        draw.shuffle(shown)
        for trial, name in enumerate(shown, 1):
            examples.append({"session": session, "trial": trial, "image": name, "ms": 3000})
        questions = [(name, answers) for name in sorted(asked.names(examples=False)[session])]
        draw.shuffle(questions)
        questions.insert(draw.randint(1, len(questions)), (shown[0], checks))
        for trial, (name, into) in enumerate(questions, 1):
            says = asked.images[name].says
            right = into is checks or draw.random() < skill
            answer = says if right else (says + 1) % len(asked.classes)
            row = {"session": session, "trial": trial, "image": name, "answer": answer}
            into.append({**row, "ms": draw.randint(900, 4000)})
    return {
        "format": FORMAT, "study": key.study, "participant": participant, "seed": seed,
        "scenario": scenario, "condition": condition, "consent": True,
        "started": f"2031-01-0{1 + seed % 9}T10:00:00.000Z",
        "finished": f"2031-01-0{1 + seed % 9}T10:09:00.000Z",
        "quiz": 1, "examples": examples, "answers": answers, "checks": checks, **changes,
    }  # fmt: skip
