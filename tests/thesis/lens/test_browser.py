"""The site in a real browser, from the file system: search, hover, click, links, no network."""

import pytest

from .conftest import NAMES

pytestmark = pytest.mark.nightly

# Where Bokeh has drawn the first point of the graph with a legend, in pixels of its canvas.
FIRST_POINT = """() => {
  for (const drawn of Bokeh.documents) {
    const models = [...drawn._all_models.values()];
    const find = (type) => models.find((model) => model.type === type);
    if (!find("Legend")) continue;
    const { frame } = Bokeh.index.get(find("Figure"));
    const { data } = find("ColumnDataSource");
    return [frame.x_scale.compute(data.x[0]), frame.y_scale.compute(data.y[0])];
  }
}"""


@pytest.fixture
def home(site, watch):
    watched = watch(viewport={"width": 1200, "height": 900})
    watched.page.goto((site / "index.html").as_uri())
    yield watched
    assert all(url.startswith((site.as_uri(), "data:")) for url in watched.requests)


@pytest.fixture
def class_page(site, watch):
    """Open a class's page, and wait for its charts."""

    def open_page(name="class-00000", folder="blobs/convnet", **options):
        watched = watch(**({"viewport": {"width": 1200, "height": 900}} | options))
        watched.page.goto((site / folder / f"{name}.html").as_uri())
        watched.page.wait_for_function("!document.querySelector('.chart:not([data-drawn])')")
        watched.page.wait_for_selector(".chart canvas", state="attached")
        assert all(url.startswith((site.as_uri(), "data:")) for url in watched.requests)
        return watched.page

    return open_page


def test_search_suggests_and_opens_by_keyboard_alone(home, shots):
    page = home.page
    page.keyboard.press("Tab")  # skip link
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("Find one of 6 classes").focus()
    page.keyboard.type("passwd")
    options = page.get_by_role("option")
    assert options.count() == 2
    assert NAMES[1] in options.first.inner_text()
    assert page.get_by_role("status").inner_text() == "2 found"
    page.screenshot(path=shots / "search.png")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert options.nth(1).get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/blobs/convnet/class-00001.html")
    assert page.locator("h1").inner_text() == NAMES[1]


def test_search_opens_by_click_closes_by_escape_and_shows_markup_as_text(home):
    page = home.page
    box = page.get_by_role("combobox")
    box.fill("nothing of this name")
    assert page.get_by_role("status").inner_text() == "0 found"
    box.fill("onerror")
    assert page.locator("#found img").count() == 0
    page.keyboard.press("Escape")
    assert box.get_attribute("aria-expanded") == "false"
    box.fill("script")
    page.get_by_role("option").first.click()
    page.wait_for_url("**/class-0000*.html")


def test_random_class_and_sample_lead_to_classes(home, site):
    page = home.page
    page.get_by_role("button", name="Random class").click()
    page.wait_for_url("**/class-0000*.html")
    page.goto((site / "index.html").as_uri())
    page.locator(".tiles a").first.click()
    page.wait_for_url("**/blobs/convnet/class-00000.html")


def test_pointing_at_the_cluster_graph_shows_the_image(class_page, shots):
    page = class_page()
    chart = page.locator("#chart-clusters")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    shown = page.locator(".thumbnail")
    x, y = page.evaluate(FIRST_POINT)
    page.mouse.move(box["x"] + x - 3, box["y"] + y)
    page.mouse.move(box["x"] + x, box["y"] + y)
    shown.first.wait_for()
    page.wait_for_timeout(200)
    page.screenshot(path=shots / "hover.png")
    style = shown.first.evaluate("e => getComputedStyle(e).backgroundImage")
    assert "class-00000/thumbnails.webp" in style


def test_clicking_a_bar_goes_to_its_concept(class_page):
    page = class_page()
    chart = page.locator("#chart-importance")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + 22)
    page.wait_for_url("**#concept-1")


def test_a_click_or_the_space_bar_puts_the_crops_on_the_picture(class_page, shots):
    page = class_page(folder="blobs/other-model-")
    card, other = page.locator("#concept-1"), page.locator("#concept-2")
    ring, box = card.locator(".ring"), card.get_by_role("checkbox")
    opacity = "e => Math.round(100 * getComputedStyle(e).opacity)"
    page.locator(".rest").evaluate("e => (e.open = true)")
    assert not ring.is_visible()
    card.locator(".picture").click()
    page.wait_for_timeout(300)
    assert ring.locator("span").count() == 6
    inside, outside = ring.locator("span").first.bounding_box(), card.bounding_box()
    assert outside["y"] <= inside["y"] < outside["y"] + outside["height"] / 2
    assert ring.is_visible()
    assert (card.evaluate(opacity), other.evaluate(opacity)) == (100, 35)
    card.screenshot(path=shots / "ring.png")
    box.focus()
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    assert not ring.is_visible()
    assert other.evaluate(opacity) == 100


def test_classes_are_listed_beside_the_page(class_page):
    page = class_page()
    classes = page.get_by_role("navigation", name="3 classes")
    assert classes.get_by_role("link").count() == 3
    assert classes.locator("[aria-current]").inner_text() == NAMES[0]
    assert classes.bounding_box()["x"] < page.locator("main").bounding_box()["x"]
    classes.get_by_role("link").last.click()
    page.wait_for_url("**/class-00002.html")


def test_a_link_to_a_concept_that_is_folded_away_opens_it(class_page, shots):
    page = class_page()
    folded = page.locator(".rest")
    folded.evaluate("e => (e.open = false)")
    number = folded.locator("article").first.get_attribute("id")
    page.evaluate(f"location.hash = '{number}'")
    page.wait_for_function("document.querySelector('.rest').open")
    assert page.locator(f"#{number}").is_visible()


def test_details_hold_links_that_work(class_page, shots, site):
    page = class_page()
    card = page.locator("#concept-1")
    for summary in card.locator("summary").all():
        summary.focus()
        page.keyboard.press("Enter")
    maps = card.locator(".strip")
    maps.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#concept-1 .strip').naturalWidth > 0")
    card.screenshot(path=shots / "concept.png")
    card.get_by_role("link").filter(has_text="concept").first.click()
    page.wait_for_url("**/class-0000*.html#concept-*")
    page.get_by_role("link", name="Compare models on this class").click()
    page.wait_for_url("**/blobs/compare/class-0000*.html")
    page.screenshot(path=shots / "compare.png", full_page=True)
    page.locator("table").get_by_role("link", name="other <model>").click()
    page.wait_for_url("**/blobs/other-model-/class-0000*.html")


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 360), ("dark", 360)]
)
def test_pages_fit_their_screen_and_have_their_colours(class_page, shots, scheme, width):
    page = class_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.wait_for_timeout(300)
    page.screenshot(path=shots / f"class-{scheme}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper.strip("rgb()").split(","))) < 300) == (scheme == "dark")
    # The charts have the page's ink: no colour that stands for another is left.
    inks = page.evaluate(
        "Bokeh.documents.flatMap(d => [...d._all_models.values()])"
        ".filter(m => m.type.endsWith('Axis')).map(m => m.axis_label_text_color)"
    )
    expected = "#ececf1" if scheme == "dark" else "#1b1b1f"
    assert inks
    assert set(inks) == {expected}


def test_pages_can_be_read_without_scripts(site, watch):
    watched = watch(java_script_enabled=False)
    page = watched.page
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="convnet on blobs").click()
    page.get_by_role("link", name=NAMES[2], exact=True).click()
    assert page.get_by_role("table").first.is_visible()
