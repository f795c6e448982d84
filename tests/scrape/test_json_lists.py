"""Lists in JSON: the shapes of Wikimedia's API, of Openverse and of IIIF, and what is wrong."""

import json

import pytest

from src.errors import UserError
from src.params import Json
from src.scrape.json_lists import first_url, parse_json
from src.scrape.listings import Item, ListingError
from tests.scrape.scraping import picture, scraped
from tests.servers import NOT_FOUND, Answer

pytestmark = pytest.mark.usefixtures("own_folder")
PLAIN = {
    "url": "https://a.test/images?page={page}",
    "items": "results",
    "image": "url",
    "id": "id",
    "name": "title",
    "total": "",
    "next": "",
}


def settings(**changes: str) -> Json:
    return Json(**PLAIN | changes)


def parsed(answer: object, number: int = 1, **changes: str):
    return parse_json(json.dumps(answer), "https://a.test/images", number, settings(**changes))


def serve_pictures(server, names: str) -> None:
    for n, name in enumerate(names):
        server[f"/{name}.png"] = Answer(picture(n))


def test_the_shape_of_wikimedias_categorymembers_is_read_to_its_end(server, quick, tmp_path):
    """Pages are an object by their ids; `continue` holds what the next request must add."""
    serve_pictures(server, "abc")

    def page(number: int, name: str) -> dict:
        info = [{"url": server[f"/{name}.png"], "descriptionurl": "https://w.test/"}]
        return {"pageid": number, "ns": 6, "title": f"File:{name}.png", "imageinfo": info}

    first = {"12": page(12, "a"), "7": page(7, "b") | {"imagerepository": "local"}}
    more = {"gcmcontinue": "file|41|9 &", "continue": "gcmcontinue||"}
    path = "/w/api.php?action=query&generator=categorymembers&gcmlimit=2&prop=imageinfo&iiprop=url&format=json"
    server[path] = Answer(json.dumps({"continue": more, "query": {"pages": first}}).encode())
    server[f"{path}&gcmcontinue=file%7C41%7C9%20%26&continue=gcmcontinue%7C%7C"] = Answer(
        json.dumps({"batchcomplete": "", "query": {"pages": {"9": page(9, "c")}}}).encode()
    )
    changes = {
        "json.url": server[path],
        "json.items": "query.pages",
        "json.image": "imageinfo[0].url",
        "json.id": "pageid",
        "json.next": "continue",
    }
    table, metrics = scraped(quick("json", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 3
    assert list(table["item_id"]) == ["12", "7", "9"]
    assert list(table["name"]) == ["File:a.png", "File:b.png", "File:c.png"]
    assert list(table["page"]) == [1, 1, 2]
    assert metrics["pages"] == 2
    saves = sorted((tmp_path / "raw" / "pages").iterdir())
    assert [save.name for save in saves] == ["0001.json", "0002.json"]
    assert json.loads(saves[1].read_text())["query"]["pages"].keys() == {"9"}


def test_the_shape_of_openverse_is_read_page_by_page(server, quick, tmp_path):
    serve_pictures(server, "abc")

    def answer(names: str) -> Answer:
        results = [
            {"id": f"id-{name}", "title": name.upper(), "url": server[f"/{name}.png"]}
            for name in names
        ]
        return Answer(json.dumps({"result_count": 240, "page": 1, "results": results}).encode())

    server["/v1/images/?q=faces&page=1"] = answer("ab")
    server["/v1/images/?q=faces&page=2"] = answer("c")
    server["/v1/images/?q=faces&page=3"] = NOT_FOUND
    changes = {
        "json.url": server["/v1/images/?q=faces&page={page}"],
        "json.total": "result_count",
    }
    table, metrics = scraped(quick("json", changes), tmp_path / "raw")
    assert list(table["item_id"]) == ["id-a", "id-b", "id-c"]
    assert list(table["name"]) == ["A", "B", "C"]
    assert list(table["status"]) == ["ok"] * 3
    assert (metrics["expected"], metrics["pages"]) == (240, 2)


def iiif_2(server) -> tuple[dict, dict]:
    canvases = [
        {
            "@id": f"https://i.test/canvas/{n}",
            "label": f"{n} recto",
            "images": [{"resource": {"@id": server[f"/{name}.png"], "format": "image/png"}}],
        }
        for n, name in enumerate("ab", 1)
    ]
    paths = {"items": "sequences[0].canvases", "image": 'images[0].resource."@id"'}
    return {"sequences": [{"canvases": canvases}]}, paths | {"id": '"@id"', "name": "label"}


def iiif_3(server) -> tuple[dict, dict]:
    canvases = [
        {
            "id": f"https://i.test/canvas/{n}",
            "type": "Canvas",
            "label": {"none": [f"{n} recto"]},
            "items": [{"items": [{"body": {"id": server[f"/{name}.png"], "type": "Image"}}]}],
        }
        for n, name in enumerate("ab", 1)
    ]
    paths = {"items": "items", "image": "items[0].items[0].body.id", "name": "label.*|[0][0]"}
    return {"type": "Manifest", "items": canvases}, paths


@pytest.mark.parametrize("manifest", [iiif_2, iiif_3])
def test_the_canvases_of_an_iiif_manifest_are_a_list(server, quick, tmp_path, manifest):
    serve_pictures(server, "ab")
    answer, paths = manifest(server)
    server["/manifest.json"] = Answer(json.dumps(answer).encode())
    changes = {f"json.{key}": path for key, path in paths.items()}
    changes |= {"json.url": server["/manifest.json"]}
    table, metrics = scraped(quick("json", changes), tmp_path / "raw")
    assert list(table["name"]) == ["1 recto", "2 recto"]
    assert list(table["item_id"]) == ["https://i.test/canvas/1", "https://i.test/canvas/2"]
    assert list(table["status"]) == ["ok"] * 2
    assert metrics["pages"] == 1


def test_offsets_count_the_items_of_each_answer(server, quick, tmp_path):
    serve_pictures(server, "abc")
    for offset, names in ((0, "ab"), (2, "c"), (3, "")):
        results = [{"id": name, "url": f"{name}.png"} for name in names]
        server[f"/list?limit=2&start={offset}"] = Answer(json.dumps({"results": results}).encode())
    changes = {"json.url": server["/list?start={offset}&limit=2"]}
    server["/list"] = lambda target: server.answers.get(
        f"/list?limit=2&start={target.partition('start=')[2].partition('&')[0]}", NOT_FOUND
    )
    table, metrics = scraped(quick("json", changes), tmp_path / "raw")
    assert list(table["item_id"]) == ["a", "b", "c"]
    assert list(table["status"]) == ["ok"] * 3
    assert metrics["pages"] == 3


def test_a_cursor_goes_where_the_url_says_and_the_first_page_has_none():
    cursor = {"url": "https://a.test/l?after={cursor}&n=2", "next": "meta.after"}
    assert first_url(settings(**cursor)) == "https://a.test/l?n=2"
    answer = {"results": [{"id": 1, "url": "/1.png"}], "meta": {"after": "x=/&"}}
    page = parsed(answer, **cursor)
    assert page.next_url == "https://a.test/l?n=2&after=x%3D%2F%26"
    for end in (None, ""):
        assert parsed(answer | {"meta": {"after": end}}, **cursor).next_url is None
    time = parsed(answer | {"meta": {"after": "1700000000.0"}}, **cursor)
    assert time.next_url == "https://a.test/l?n=2&after=1700000000.0"  # a text, and no id
    assert parsed(answer | {"meta": None}, **cursor).next_url is None


def test_a_next_address_is_followed_relative_to_the_answers():
    answer = {"results": [{"url": "a/1.png"}], "links": {"next": "?p=2"}}
    followed = settings(url="https://b.test/", next="links.next")
    page = parse_json(json.dumps(answer), "https://a.test/x/", 1, followed)
    assert page.next_url == "https://a.test/x/?p=2"
    assert page.items == [Item("https://a.test/x/a/1.png", "", "https://a.test/x/a/1.png")]


def test_an_item_without_a_picture_keeps_its_row_and_numbers_are_ids():
    page = parsed(
        {"results": [{"id": 7, "url": "/7.png"}, {"id": 8.5, "title": " B ", "url": None}]}
    )
    assert page.items == [Item("7", "", "https://a.test/7.png"), Item("8.5", "B", None)]


@pytest.mark.parametrize(
    ("stated", "total"), [(12, 12), ("1,200", 1200), (None, None), ("many", None), (-1, None)]
)
def test_a_stated_total_is_read(stated, total):
    answer = {"results": [{"url": "/1.png"}], "n": stated}
    assert parsed(answer, total="n").total == total


def test_an_answer_past_the_end_is_a_page_without_items():
    assert parsed({"results": []}, 2).items == []
    assert parsed({"detail": "Invalid page."}, 2).items == []
    assert parsed({"results": []}, 2).next_url is None


def test_a_later_answer_without_any_list_is_told():
    assert parsed({"error": "slow down"}, 2).notes == (
        """json.items = 'results' finds nothing in {"error": "slow down"}; the list ends here""",
    )
    assert parsed({"results": []}, 2).notes == ()


def test_an_expression_that_finds_nothing_on_the_first_page_is_told():
    answer = {"results": [{"url": "/1", "title": "", "uuid": 1}]}
    changes = {"url": "https://a.test/list", "total": "n", "next": "next"}
    found = parsed(answer, 1, **changes)
    assert found.notes == (
        "json.id = 'id' finds nothing on the first page; the pictures' addresses identify the items",
        "json.name = 'title' finds nothing on the first page; the items have no names",
        "json.total = 'n' finds nothing on the first page; nothing says whether the list is whole",
        "json.next = 'next' finds nothing on the first page; the list ends here",
    )
    assert parsed(answer, 2, **changes).notes == ()
    assert "next" not in " ".join(parsed(answer | {"n": 1}, 1, **changes).notes)  # all are there
    assert parsed({"results": [{"url": "/1"}, {"url": "/2", "id": 0, "title": "T"}]}).notes == ()


@pytest.mark.parametrize("end", [None, False, "", {}, [], {"page": None}])
def test_no_next_page_is_said_in_many_ways(end):
    answer = {"results": [{"url": "/1.png"}], "next": end}
    assert parsed(answer, url="https://a.test/", next="next").next_url is None


def test_the_keys_of_the_next_page_may_be_any_text():
    text = r'{"results": [{"url": "/1.png"}], "next": {"\ud800": "\udfff", "b": null, "c": 0}}'
    page = parse_json(text, "https://a.test/", 1, settings(url="https://a.test/", next="next"))
    assert (
        page.next_url
        == "https://a.test/?%EF%BF%BD%EF%BF%BD%EF%BF%BD=%EF%BF%BD%EF%BF%BD%EF%BF%BD&c=0"
    )


def test_an_offset_of_thousands_of_digits_is_none():
    url = "https://a.test/?o={offset}"
    asked = url.replace("{offset}", "9" * 5000)
    page = parse_json('{"results": [{"url": "/1.png"}]}', asked, 3, settings(url=url))
    assert page.next_url == "https://a.test/?o=3"


@pytest.mark.parametrize(
    ("answer", "changes", "message"),
    [
        ({"error": "no"}, {}, r"json\.items = 'results', found null in {\"error\": \"no\"}"),
        ({"results": "none"}, {}, r"a list or an object at json\.items .*found \"none\""),
        (
            {"results": [{"link": "/1"}]},
            {},
            r"an address at json\.image = 'url', found none in 1 items; .*link",
        ),
        ({"results": [{"url": ["/1"]}]}, {}, r"json\.image = 'url' in item 1, found \[\"/1\"\]"),
        ({"results": [{"url": "/1", "id": True}]}, {}, r"json\.id = 'id' in item 1, found true"),
        ({"results": [{"url": "/1"}], "n": {}}, {"total": "n"}, r"json\.total = 'n', found {}"),
        (
            {"results": [{"url": "/1"}], "m": ["/2"]},
            {"url": "https://a.test/", "next": "m"},
            r"json\.next = 'm', found",
        ),
    ],
)
def test_an_answer_of_another_form_is_an_error_that_says_expected_and_found(
    answer, changes, message
):
    with pytest.raises(ListingError, match=message):
        parsed(answer, **changes)


@pytest.mark.parametrize("text", ["", "<html>", "[" * 100_000, "[" * 300_000, '{"results": [1'])
def test_what_is_no_json_is_an_error_that_shows_it(text):
    with pytest.raises(ListingError, match=r"expected (JSON|at most 200000 objects).*found"):
        parse_json(text, "https://a.test/", 1, settings())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"items": "values(no)"}, r"json\.items = 'values\(no\)' fails: In function values\(\)"),
        ({"items": "pictures(@)"}, r"json\.items = .* fails: Unknown function: pictures\(\)"),
        ({"name": "join('-', title)"}, r"json\.name = .* fails: .* received: \"null\" in item 1"),
        ({"total": "results[::0]"}, r"json\.total = .* fails: slice step cannot be zero"),
        ({"id": "url < id"}, r"json\.id = .* fails: '<' not supported .* item 1"),
    ],
)
def test_an_expression_that_fails_on_an_answer_is_an_error_by_its_key(changes, message):
    answer = {"results": [{"id": 1, "url": "/1.png", "title": None}]}
    with pytest.raises(ListingError, match=message):
        parsed(answer, **changes)


def test_an_expression_that_is_none_is_refused_by_its_key(quick, tmp_path):
    with pytest.raises(UserError, match=r"json\.image = 'a\[' is no JMESPath expression"):
        scraped(quick("json", {"json.image": "a["}), tmp_path / "raw")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://a.test/{page}?o={offset}", "json: url has page, offset in braces, expected one"),
        (
            "https://a.test/{offset}",
            r"json: url has {offset} elsewhere, expected .* \?key={offset}",
        ),
        ("https://a.test/?c={cursor}", "json: next is empty, expected the path of the cursor"),
    ],
)
def test_pages_are_counted_in_one_way(changed, url, message):
    with pytest.raises(UserError, match=message):
        changed({"json.url": url})


def test_robots_txt_holds_for_an_api(server, quick, tmp_path):
    server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /w/")
    changes = {"json.url": server["/w/api.php"]}
    with pytest.raises(UserError, match=r"page 1 of the list cannot be fetched: .*robots\.txt"):
        scraped(quick("json", changes), tmp_path / "raw")


def test_the_query_of_the_next_page_has_values_as_json_writes_them():
    answer = {"results": [{"id": 1, "url": "/1.png"}], "next": {"offset": 2, "more": True}}
    page = parsed(answer, url="https://a.test/l", next="next")
    assert page.next_url == "https://a.test/l?offset=2&more=true"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"after": {"id": 1}}, r"found {\"id\": 1} in 'after'"),
        ({"href": "https://a.test/2"}, r"finds a link: set it to 'next\.href'"),
    ],
)
def test_a_next_page_that_is_no_query_is_refused(value, message):
    answer = {"results": [{"id": 1, "url": "/1.png"}], "next": value}
    with pytest.raises(ListingError, match=message):
        parsed(answer, url="https://a.test/l", next="next")


def test_a_total_may_be_stored_with_a_fraction_of_nothing():
    answer = {"results": [{"id": 1, "url": "/1.png"}], "count": 500.0}
    assert parsed(answer, total="count").total == 500
