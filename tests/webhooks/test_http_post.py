"""Calling addresses that others chose: what gets through, and every way into our own network that does not."""

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from commerce.webhooks.http_post import MAX_ANSWER, AddressRefused, DestinationRules, check_url, post
from tests.webhooks.receiver import Receiver, receiving

ANYWHERE = DestinationRules(private=True, plain=True)
STRICT = DestinationRules(private=False, plain=True)
PRODUCTION = DestinationRules()
INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "0.0.0.0",  # noqa: S104 - an address to be refused
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001:0:7f00:1::",
    "::127.0.0.1",
]


def send(url: str, rules: DestinationRules = ANYWHERE, **options: object) -> tuple[int, str, str]:
    answer = post(url, b"{}", {}, rules=rules, **options)  # type: ignore[arg-type]
    return answer.status, answer.text, answer.error


# --- what gets through --------------------------------------------------------------------------------


def test_a_message_arrives_as_it_was_written(receiver: Receiver) -> None:
    answer = post(f"{receiver.url}?key=1", '{"a":"Grüße"}'.encode(), {"webhook-id": "msg_1"}, rules=ANYWHERE)
    assert (answer.status, answer.text, answer.error, answer.good) == (200, "ok", "", True)
    (message,) = receiver.messages
    assert (message.path, message.json) == ("/hook?key=1", {"a": "Grüße"})
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert message.headers["content-type"] == "application/json"
    assert message.headers["webhook-id"] == "msg_1"


def test_the_connection_goes_to_the_address_that_was_checked_and_names_the_host(receiver: Receiver) -> None:
    """A name that is resolved a second time could lead elsewhere (DNS rebinding)."""
    asked: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    assert send(f"http://hooks.example:{receiver.port}/hook", resolver=rebinding)[0] == 200
    assert asked == [("hooks.example", receiver.port)]
    assert receiver.messages[0].headers["host"] == f"hooks.example:{receiver.port}"


def test_a_name_that_was_public_a_moment_ago_and_is_ours_now_is_not_called() -> None:
    answers = iter([["127.0.0.1"]])
    status, _text, error = send("http://hooks.example:8080/", STRICT, resolver=lambda *_: next(answers))
    assert (status, error) == (0, "This URL isn't on the public internet.")


def test_a_name_in_another_script_is_looked_up_as_the_internet_knows_it(receiver: Receiver) -> None:
    asked: list[str] = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    assert send(f"http://Bücher.example:{receiver.port}/hook", resolver=resolver)[0] == 200
    assert asked == ["xn--bcher-kva.example"]
    assert receiver.messages[0].headers["host"] == f"xn--bcher-kva.example:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    with receiving() as inside:
        receiver.status = status
        receiver.headers = {"Location": inside.url}
        assert send(receiver.url)[0] == status
        assert inside.messages == []


def test_an_answer_is_read_only_as_far_as_people_will(receiver: Receiver) -> None:
    receiver.status, receiver.answer = 500, b"\0\xff" + b"x" * 5_000_000
    status, text, error = send(receiver.url)
    assert (status, error) == (500, "")
    assert text.startswith("\ufffd\ufffdxx")
    assert len(text) == MAX_ANSWER


# --- what does not ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_into_our_network_is_not_called(address: str) -> None:
    for addresses in ([address], ["93.184.215.14", address]):
        status, _text, error = send("https://hooks.example/", STRICT, resolver=lambda *_, a=addresses: a)
        assert (status, error) == (0, "This URL isn't on the public internet.")


@pytest.mark.parametrize(
    "host",
    [
        *(f"[{each}]" if ":" in each else each for each in INSIDE),
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "shop.localhost",
        "0",
    ],
)
def test_an_address_of_our_network_is_refused_in_any_spelling_when_it_is_typed_and_when_it_is_called(
    host: str,
) -> None:
    url = f"http://{host}:8080/"
    with pytest.raises(AddressRefused):
        check_url(url, STRICT)
    status, _text, error = send(url, STRICT)
    assert status == 0
    assert "internet" in error or "read" in error or "exist" in error


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "//hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example:8080/_",
        "https://",
        "https:///path",
        "https://user:secret@hooks.example/",
        "https://user@hooks.example/",
        "https://@hooks.example/",
        "https://hooks.example:22/",
        "https://hooks.example:5432/",
        "https://hooks.example:99999/",
        "https://hooks.example/#part",
        "https://hooks.example/a b",
        "https://hooks.example/\r\nHost: other",
        "https://hooks.example/\0",
        "https://①②⑦.⓪.⓪.①/",
        "https://[::1/",
        f"https://hooks.example/{'x' * 2000}",
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, STRICT)
    assert send(url, STRICT, resolver=lambda *_: ["93.184.215.14"], total_seconds=0.5)[0] == 0


def test_in_production_only_https_is_called() -> None:
    with pytest.raises(AddressRefused, match="url_not_encrypted"):
        check_url("http://hooks.example/", PRODUCTION)
    check_url("http://hooks.example/", STRICT)
    for url in ("https://hooks.example/", "https://hooks.example:8443/a?b=c", "https://93.184.215.14/"):
        check_url(url, PRODUCTION)


# --- TLS ----------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate for a name, as a file to trust and as a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    trusted, both = folder / f"{name}.pem", folder / f"{name}.both"
    trusted.write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both.write_bytes(private + trusted.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return trusted, context


def test_the_certificate_must_be_the_names_although_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    trusted, context = certificate(tmp_path, "hooks.example")
    with receiving(context) as receiver:
        good, other = (f"https://{name}:{receiver.port}/hook" for name in ("hooks.example", "other.example"))

        def call(url: str, ca_certs: str | None) -> tuple[int, str, str]:
            return send(url, resolver=lambda *_: ["127.0.0.1"], ca_certs=ca_certs)

        assert call(good, str(trusted))[0] == 200
        status, _text, error = call(other, str(trusted))
        assert status == 0
        assert "CERTIFICATE_VERIFY_FAILED" in error or "doesn't match" in error
        assert call(good, None)[0] == 0  # nobody that this machine trusts has signed it
        assert len(receiver.messages) == 1


# --- time ---------------------------------------------------------------------------------------------


def test_a_server_that_does_not_answer_is_left_after_the_time_that_it_has(receiver: Receiver) -> None:
    release = threading.Event()
    receiver.hold = lambda: release.wait(10)
    before = time.monotonic()
    status, _text, error = send(receiver.url, total_seconds=0.3)
    release.set()
    assert (status, error) == (0, "no answer within 0.3 seconds")
    assert time.monotonic() - before < 3


def test_a_server_that_sends_a_byte_now_and_then_is_left_too() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
                    if stop.wait(0.05):
                        return
                    try:
                        peer.sendall(bytes([byte]))
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        status, _text, error = send(f"http://127.0.0.1:{listener.getsockname()[1]}/", total_seconds=0.4)
        stop.set()
        thread.join()
    assert (status, error) == (0, "no answer within 0.4 seconds")


def test_a_resolver_that_does_not_answer_is_not_waited_for() -> None:
    release = threading.Event()

    def slow(*_: object) -> list[str]:
        release.wait(10)
        return ["127.0.0.1"]

    status, _text, error = send("http://hooks.example/", resolver=slow, total_seconds=0.2)
    release.set()
    assert (status, error) == (0, "no answer within 0.2 seconds")


def test_a_port_where_nobody_listens_is_a_failure_in_words(receiver: Receiver) -> None:
    receiver.close()
    receiver.close = lambda: None  # type: ignore[method-assign]
    status, _text, error = send(receiver.url)
    assert status == 0
    assert "refused" in error
