import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.catalog.html_cleaning import clean_html


def test_what_the_list_allows_stays_as_it_is() -> None:
    html = (
        '<h2>Care</h2><p>Wash <strong>cold</strong>.<br>Dry.</p><ul><li>one</li></ul>'
        '<table><tbody><tr><td colspan="2">a</td></tr></tbody></table>'
    )  # fmt: skip
    assert clean_html(html) == html


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script><p>x</p>",
        "<p onclick='alert(1)' style='position:fixed' class='a' id='b'>x</p>",
        "<iframe src='https://evil.example'>y</iframe><p>x</p>",
        "<style>p{}</style><p>x</p><!-- c -->",
        "<p>x<img src=x onerror=alert(1)></p>",
        "<form action='https://evil.example'><input></form><p>x</p>",
        "<svg><script>alert(1)</script></svg><p>x</p>",
        "<meta http-equiv='refresh' content='0'><base href='https://evil.example'><p>x</p>",
    ],
)
def test_everything_else_goes(html: str) -> None:
    assert clean_html(html) == "<p>x</p>"


def test_links_lead_to_the_web_or_to_mail_and_carry_a_rel() -> None:
    rel = 'rel="nofollow noopener noreferrer"'
    assert clean_html('<a href="https://a.example/?x=1&y=2" target="_blank">x</a>') == (
        f'<a href="https://a.example/?x=1&amp;y=2" {rel}>x</a>'
    )
    assert clean_html('<a href="mailto:a@example.org">x</a>') == f'<a href="mailto:a@example.org" {rel}>x</a>'
    for address in ("javascript:alert(1)", "jav\tascript:alert(1)", "data:text/html,x", "vbscript:x", "/pages/x",
                    "//evil.example", "&#106;avascript:alert(1)"):  # fmt: skip
        assert clean_html(f'<a href="{address}">x</a>') == f"<a {rel}>x</a>"


def test_a_heading_of_the_first_order_steps_back_behind_the_page_s_own() -> None:
    assert clean_html("<H1 class='x'>Mug</H1>") == "<h2>Mug</h2>"


def test_plain_text_becomes_paragraphs() -> None:
    assert clean_html("Fish & chips\r\n\r\n1 < 2") == "<p>Fish &amp; chips</p>\n<p>1 &lt; 2</p>"


def test_line_separators_become_line_ends_and_control_characters_go() -> None:
    assert clean_html("<p>a\u2028b\u0007\ufeffc</p>") == "<p>a\nbc</p>"


@pytest.mark.parametrize(
    "html", ["", " \n", "<p>&nbsp;</p>", "<div><br></div>", "<p><span>\xa0</span></p>", "<!-- c -->"]
)
def test_an_empty_shell_is_empty(html: str) -> None:
    assert clean_html(html) == ""


@given(st.text(alphabet="<>/ap&;hscriptli=\"'1#x \n\u2028\t-!", max_size=60))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_html(text)
    assert clean_html(once) == once
    assert "<script" not in once
