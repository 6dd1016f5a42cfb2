"""A scripted participant in a real browser: from the consent to a row of the table."""

import json

import pytest

from sparks_thesis.human_study import Key, Limits, Protocol, Wording, build_page, read_answers

from .conftest import CONDITIONS, NAMES, make_scenario

pytestmark = pytest.mark.nightly

BUTTON = "button.choice:not([disabled])"
# A script answers faster than people do.
LIMITS = Limits(fastest_ms=0)


@pytest.fixture(scope="session")
def built(scripts, tmp_path_factory):
    """A study of two scenarios: the paper's protocol, and a short one."""
    folder = tmp_path_factory.mktemp("study")
    short = make_scenario(Protocol(sessions=1, examples=2, questions=2), "short")
    wording = Wording(
        title="<b>What</b> does it say?", consent=["You & <i>I</i>."], debrief=["The <b>end</b>."],
        contact="Ada", pause_ms=0, study_ms=0,
    )  # fmt: skip
    build_page(
        folder / "page", folder / "key.json", [make_scenario(Protocol()), short], wording, scripts
    )
    return folder


@pytest.fixture
def visit(built, watch):
    """Open the page; nothing outside its folder may be asked for."""
    opened = []

    def open_page(query, **options):
        watched = watch(**({"viewport": {"width": 1100, "height": 900}} | options))
        watched.page.goto(f"{(built / 'page' / 'index.html').as_uri()}?{query}")
        opened.append(watched)
        return watched.page

    yield open_page
    inside = ((built / "page").as_uri(), "data:", "blob:")
    for watched in opened:
        assert all(url.startswith(inside) for url in watched.requests)


def heading(page):
    page.wait_for_selector(f"h1:focus, {BUTTON}, #download")
    return page.locator("h1").inner_text()


def click(page, text):
    page.locator(BUTTON, has_text=text).click()


def begin(page):
    click(page, "I agree")
    for _ in range(3):
        click(page, "Continue")
    click(page, "What the program says about a new image")


def saved(page, folder):
    with page.expect_download() as download:
        page.get_by_text("Save my answers").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def question(page):
    """The picture of the question that is asked."""
    return (
        page.locator(".large img")
        .first.get_attribute("src")
        .rpartition("/")[2]
        .removesuffix(".webp")
    )


def test_a_participant_goes_from_consent_to_the_table(visit, built, shots, tmp_path):
    key = Key.load(built / "key.json")
    asked = key.scenarios["blobs/convnet"]
    page = visit("participant=prolific-77&scenario=blobs/convnet&condition=saliency&seed=4")
    assert heading(page) == "<b>What</b> does it say?"
    assert "You & <i>I</i>." in page.locator("#study").inner_text()
    begin(page)
    given, examples = {}, 0
    for session in range(1, 4):
        assert heading(page) == f"Session {session} of 3"
        click(page, "Continue")
        for number in range(5):
            assert f"example {number + 1} of 5" in heading(page)
            says = NAMES[asked.images[question(page)].says]
            assert page.locator(".says strong").inner_text() == says
            assert page.locator(".large figure.map").count() == 1
            assert page.locator(".reservoir li").count() == examples
            examples += 1
            if session == 1 and number == 4:
                page.screenshot(path=shots / "example.png", full_page=True)
            click(page, "Continue")
        click(page, "Continue")
        for number in range(8):
            assert f"question {number + 1} of 8" in heading(page)
            assert page.locator(".reservoir li").count() == examples
            assert page.locator(".large figure").count() == 1  # no explanation
            name = question(page)
            if asked.images[name].example:
                answer = asked.images[name].says  # it stands below
            else:
                answer = given[session, name] = number % 2
            if session == 2 and number == 0:
                page.screenshot(path=shots / "question.png", full_page=True)
            page.keyboard.press(str(answer + 1))
            page.wait_for_function(
                "n => !document.querySelector('h1').innerText.includes(`question ${n} of`)",
                arg=number + 1,
            )
    assert heading(page) == "Thank you"
    page.screenshot(path=shots / "thanks.png", full_page=True)
    folder = tmp_path / "answers"
    path = saved(page, folder)
    assert path.name == "study-prolific-77.json"
    content = json.loads(path.read_text())
    assert (content["participant"], content["seed"], content["quiz"]) == ("prolific-77", 4, 1)
    answers, rejected = read_answers(folder, key, LIMITS)
    assert rejected.empty
    got = {(r.session, r.image): NAMES.index(r.answer) for r in answers.itertuples()}
    assert got == given
    assert set(answers["condition"]) == {"Saliency"}
    assert set(answers["participant"]) == {"P001"}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_condition_shows_its_own_explanation(visit, built, condition, shots, tmp_path):
    page = visit(f"scenario=short&condition={condition}&seed=1")
    begin(page)
    click(page, "Continue")
    figures = {"baseline": 0, "bottom_up": 1, "saliency": 1, "concepts": 2}[condition]
    page.wait_for_selector(".says strong")
    if condition == "concepts" and question(page) == "e002":
        figures = 1  # the last example has no second concept
    assert page.locator(".large figure.map, .large figure.concepts").count() == figures
    loaded = "[...document.querySelectorAll('img')].every(i => i.complete && i.naturalWidth)"
    assert page.evaluate(loaded)
    page.screenshot(path=shots / f"{condition}.png", full_page=True)
    word = "explanation" in page.locator("#study").inner_html()
    assert word == (condition != "baseline")  # the baseline hears of none
    for _ in range(3):
        page.wait_for_selector(BUTTON)
        click(page, "Continue")
    for _ in range(3):
        page.locator(BUTTON).first.click()
    path = saved(page, tmp_path)
    assert json.loads(path.read_text())["condition"] == condition


def test_the_keyboard_is_enough_and_a_wrong_quiz_leads_back(visit, tmp_path):
    page = visit("scenario=short&condition=baseline&participant=keys")
    page.wait_for_selector(BUTTON)
    page.keyboard.press("1")  # agrees
    for wrong in (True, False):
        for title in ("What you do", "Examples, then questions", "Keys"):
            page.wait_for_selector(f"h1:text-is('{title}')")
            page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('One question')")
        texts = page.locator(BUTTON).all_inner_texts()
        right = next(i for i, text in enumerate(texts) if "What the program says" in text)
        page.keyboard.press(str((right + wrong) % 3 + 1))
        if wrong:
            page.wait_for_selector("h1:text-is('Not quite')")
            page.keyboard.press("Enter")
    for title in ("Session 1 of 1", "example 1", "example 2", "questions"):
        page.wait_for_selector(f"h1:has-text('{title}')")
        page.keyboard.press("Enter")
    for number in range(3):
        page.wait_for_selector(f"h1:has-text('question {number + 1} of 3')")
        page.keyboard.press("9")  # no such answer: nothing happens
        assert f"question {number + 1}" in page.locator("h1").inner_text()
        page.keyboard.press("2")
    page.wait_for_selector("#download:focus")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["quiz"] == 2
    assert [row["answer"] for row in content["answers"]] == [1, 1]


def test_seeds_in_a_row_fill_all_conditions_alike_and_repeat(visit):
    def cell(seed):
        page = visit(f"scenario=short&seed={seed}")
        begin(page)
        click(page, "Continue")
        page.wait_for_selector(".says strong")
        shown = [image.get_attribute("src") for image in page.locator(".large img").all()]
        page.context.close()
        return [name.rpartition("/")[2].partition("-")[2] for name in shown], shown

    kinds = {tuple(cell(seed)[0]) for seed in range(4)}
    assert len(kinds) == 4
    assert cell(2) == cell(2)


def test_who_does_not_agree_leaves_nothing(visit):
    page = visit("")
    click(page, "I do not take part")
    page.wait_for_selector("h1:text-is('Thank you')")
    assert page.locator("a[download]").count() == 0


@pytest.mark.parametrize(
    "query",
    ["seed=-1", "seed=x", "condition=magic", "scenario=none", "participant=<b>", "participant="],
)
def test_a_link_that_is_wrong_says_so(visit, query):
    page = visit(query)
    page.wait_for_selector("h1:text-is('This link does not work')")
    assert page.locator("button").count() == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 360)])
def test_the_page_fits_its_screen_and_has_its_colours(visit, shots, scheme, width):
    page = visit(
        "scenario=short&condition=concepts",
        viewport={"width": width, "height": 800}, color_scheme=scheme,
    )  # fmt: skip
    begin(page)
    click(page, "Continue")
    for _ in range(3):
        page.wait_for_selector(BUTTON)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        click(page, "Continue")
    page.wait_for_selector("h1:has-text('question 1')")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper.strip("rgb()").split(","))) < 300) == (scheme == "dark")
    page.screenshot(path=shots / f"study-{scheme}-{width}.png", full_page=True)
