"""One item has one id, however its links are written; two items have two."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.scrape.item_ids import POSITION_KEYS, SESSION_KEYS, TRACKING_KEYS, item_id

LIST = "https://a.example/list?page=2"
PERSON = "https://a.example/name/nm1"


@pytest.mark.parametrize(
    "address",
    [
        "https://a.example/name/nm1",
        "https://a.example/name/nm1/",
        "https://a.example/name/nm1/?ref_=list_pos_7",
        "https://a.example/name/nm1/?ref_=list_pos_31",
        "https://a.example/name/nm1?UTM_Source=x&utm_medium=y&fbclid=z&pos=3",
        "https://a.example/name/nm1?%75tm_source=x",
        "https://a.example/name/nm1?",
        "https://a.example/name/nm1?&",
        "https://a.example/name/nm1#biography",
        "https://a.example/name/nm1#:~:text=born",
        "https://A.Example/name/nm1",
        "HTTPS://a.example:443/name/nm1",
        "http://a.example:80/name/nm1",
        "http://a.example/name/nm1",
        "https://a.example/n%61me/nm%31",
        "https://a.example/name/nm1;jsessionid=0A1B.node7?ref_=x",
        "https://a.example/name;JSESSIONID=2C/nm1?PHPSESSID=3d&ASPSESSIONIDQA=4",
    ],
)
def test_links_to_one_item_have_one_id(address):
    assert item_id(address, LIST) == PERSON


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("http://a.example/p?b=2&a=1", "http://a.example/p?a=1&b=2&gclid=3"),
        ("http://a.example/p?q=x+y", "http://a.example/p?q=x%20y"),
        ("http://a.example/Zoë", "http://a.example/Zo%c3%ab"),
        ("http://a.example:8000/p/", "http://A.example:8000/p"),
        ("http://a.example/?id=1", "http://a.example?id=1"),
        ("http://a.example/#/person/7", "http://a.example/#/person/7/?ref=3"),
        ("http://bücher.example/p", "http://xn--bcher-kva.example/p"),
        ("http://BÜCHER.example:80/p", "https://XN--Bcher-KVA.Example./p"),
        ("http://a.example./p", "http://a.example/p"),
        ("http://a.example.:8000/p", "http://a.example:8000/p"),
        ("http://[2001:DB8::0:1]:80/p", "http://[2001:db8::1]/p"),
        ("http://a.example:/p", "http://a.example/p"),
        ("http://a.example:08000/p", "http://a.example:8000/p"),
        ("http://Ada@a.example/p", "http://Ada@A.example./p"),
    ],
)
def test_addresses_that_differ_in_spelling_are_one_item(address, same):
    assert item_id(address, LIST) == item_id(same, LIST)


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("http://a.example/p?id=1", "http://a.example/p?id=2"),
        ("http://a.example/p?id=1&ref=2", "http://a.example/p?id=2&ref=2"),
        ("http://a.example/p?name=A", "http://a.example/p?name=a"),
        ("http://a.example/p?reference=1", "http://a.example/p?reference=2"),
        ("http://a.example/p?a=b%26c=d", "http://a.example/p?a=b&c=d"),
        ("http://a.example/Person", "http://a.example/person"),
        ("http://a.example/a%2Fb", "http://a.example/a/b"),
        ("http://a.example/p+q", "http://a.example/p%20q"),
        ("http://a.example/p", "http://b.example/p"),
        ("http://a.example:8000/p", "http://a.example:8001/p"),
        ("http://bücher.example/p", "http://bucher.example/p"),
        ("http://[2001:db8::1]/p", "http://[2001:db8::2]/p"),
        ("http://Ada@a.example/p", "http://Eva@a.example/p"),
        ("http://a.example/#/person/7", "http://a.example/#/person/8"),
        ("http://a.example/#!person=7", "http://a.example/#!person=8"),
        (f"{LIST}#person-7", f"{LIST}#person-8"),
    ],
)
def test_addresses_of_two_items_stay_apart(address, other):
    assert item_id(address, LIST) != item_id(other, LIST)


@pytest.mark.parametrize("link", ["", "#", "&utm_source=x", "&pos=3"])
def test_a_link_to_the_list_page_itself_identifies_nothing(link):
    assert item_id(LIST + link, LIST) == ""


@pytest.mark.parametrize("text", ["http://[", "http://a.example:port/", "data:,x?ref=1", "Ada", ""])
def test_what_is_no_address_of_the_web_stays_as_it_is(text):
    assert item_id(text, LIST) == text


def test_other_keys_and_beginnings_of_keys_can_be_ignored():
    address = f"{PERSON}?Sid=1&track_a=2&tracks=3"
    assert item_id(address, LIST, ["sid", "Track_*"]) == f"{PERSON}?tracks=3"
    assert item_id(f"{PERSON}?ref=1", LIST, []) == f"{PERSON}?ref=1"


@pytest.mark.parametrize("keys", [TRACKING_KEYS, POSITION_KEYS, SESSION_KEYS])
def test_known_keys_are_sorted_and_written_once_in_lower_case(keys):
    assert list(keys) == sorted({key.lower() for key in keys})


@given(st.text(alphabet="ab/?&=#%+.!~26Cë*@: ", max_size=30))
@example("%")
@example("%2")
@example("//?ref=1#/a?b")
def test_an_id_is_its_own_id(rest):
    once = item_id(f"http://a.example/{rest}", LIST)
    assert item_id(once, LIST) == once


def test_an_address_in_place_of_a_host_keeps_its_brackets():
    assert item_id("http://[2001:DB8::0:1]:8000/p", LIST) == "http://[2001:db8::1]:8000/p"


@given(st.text(alphabet="aB.ü。ß_-@:[]8%4 ", max_size=12))
@example("a..")
@example(".")
@example("ü_.")
def test_an_id_of_any_host_is_its_own_id(host):
    once = item_id(f"http://{host}/p", LIST)
    assert item_id(once, LIST) == once
