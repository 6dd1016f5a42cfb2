"""The page's server over real sockets: who is answered, how many at a time, and for how long."""

import io
import socket
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest
import torch
from PIL import Image

from sparks.errors import SparksError
from sparks_thesis.lens.explain import Candidate, Explained
from sparks_thesis.lens.upload import Limits

pytest.importorskip("flask", reason="flask serves the page: install the extra `lens`")
from sparks_thesis.lens import serve
from sparks_thesis.lens.server import make_server, names_of

SIZE = 8
BOUNDARY = "b0undary"


def explained(x):
    """An explanation without concepts."""
    cat = Candidate(0, "cat", 1.0, torch.rand(SIZE, SIZE))
    return Explained(candidates=[cat], distance=None, explained=None, logit=1.0)


def app(**options):
    limits = Limits(megabytes=1, megapixels=1)
    model = serve.Served("d/m/0", "model", "", lambda: serve.Loaded(explained, SIZE, 3))
    return serve.create_app([model], limits, **options)


def png(side=SIZE):
    target = io.BytesIO()
    Image.new("RGB", (side, side), (9, 99, 199)).save(target, "PNG")
    return target.getvalue()


def form(data):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


@contextmanager
def running(page, listens="127.0.0.1", **options):
    server = make_server(listens, 0, page, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()


def post(port, data=None, **headers):
    """Status of an image sent by a client."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection.request("POST", "/", form(png() if data is None else data), kind | headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # a program, no browser
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "HTTP://127.0.0.1:{port}"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),  # a sandboxed frame, a page from a file
        ({"Origin": ""}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),  # another server on this machine
        ({"Origin": "http://localhost:{port}"}, 403),
        ({"Origin": "http://[half"}, 403),
        ({"Origin": "http://127.0.0.1:{port}.evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "evil.example"}, 400),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 400),
    ],
)
def test_only_the_pages_own_form_is_answered(headers, status):
    with running(app()) as server:
        filled = {name: value.format(port=server.port) for name, value in headers.items()}
        assert post(server.port, **filled) == status


@pytest.mark.parametrize(
    ("listens", "host", "answered"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "LOCALHOST:80", True),
        ("127.0.0.1", "[::1]:7860", True),
        ("127.0.0.1", "192.168.1.5", False),
        ("127.0.0.1", "evil.example", False),
        ("192.168.1.5", "192.168.1.5:7860", True),
        ("192.168.1.5", "10.0.0.1", False),
        ("0.0.0.0", "192.168.1.5:7860", True),
        ("0.0.0.0", "[fe80::1]:7860", True),
        ("0.0.0.0", "{name}:7860", True),
        ("0.0.0.0", "localhost", True),
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", "192.168.1.5.evil.example", False),
        ("::", "10.0.0.1", True),
        ("0.0.0.0", "[half", False),
        ("0.0.0.0", "", False),
    ],
)
def test_it_answers_to_the_names_of_where_it_listens(listens, host, answered):
    names, addresses = names_of(listens)
    host = host.format(name=socket.gethostname())
    assert serve.is_named(host, names, addresses) == answered
    if host:
        client = app(hosts=names, addresses=addresses).test_client()
        assert client.get("/", headers={"Host": host}).status_code == (200 if answered else 400)


def test_listening_on_all_addresses_lets_others_in():
    """By an address that is neither a loopback name of the page nor known to it."""
    names, addresses = names_of("0.0.0.0")
    with running(app(hosts=names, addresses=addresses), "0.0.0.0") as server:
        host = f"127.0.0.2:{server.port}"
        assert post(server.port, Host=host, Origin=f"http://{host}") == 200
        assert post(server.port, Host=host, Origin="http://evil.example") == 403
        assert post(server.port, Host="evil.example", Origin="http://evil.example") == 400
        with socket.create_connection(("127.0.0.2", server.port), timeout=20) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_one_image_at_a_time_is_in_memory(monkeypatch):
    """Of many that come at once; the others wait before their file is read."""
    at_once, most, held = [0], [0], threading.Lock()

    def slow(data, *args):
        with held:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.05)
        with held:
            at_once[0] -= 1
        raise SparksError("seen")

    monkeypatch.setattr(serve, "read_image", slow)
    statuses = []
    with running(app(), connections=32) as server:
        threads = [
            threading.Thread(target=lambda: statuses.append(post(server.port))) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [400] * 20
    assert most == [1]


def connected(server):
    client = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    time.sleep(0.1)  # until it is accepted
    return client


def test_further_connections_are_refused_and_taken_again():
    with running(app(), connections=3, seconds=20) as server:
        idle = [connected(server) for _ in range(3)]
        further = connected(server)
        assert further.recv(100).startswith(b"HTTP/1.1 503")
        for client in (*idle, further):
            client.close()
        deadline = time.monotonic() + 10
        while (status := _status(server)) == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert status == 200


def _status(server):
    try:
        return post(server.port)
    except OSError:  # refused while it was still sending
        return 503


@pytest.mark.parametrize("part", ["nothing", "header", "body"])
def test_clients_that_send_slowly_are_cut_off(part):
    """One byte at a time, often enough that no single wait is long."""
    with running(app(), seconds=2) as server, connected(server) as client:
        if part == "body":
            client.sendall(
                f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
                f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
            )
        client.settimeout(0.1)
        ended, deadline = False, time.monotonic() + 30
        while not ended and time.monotonic() < deadline:
            try:
                if part != "nothing":
                    client.sendall(b"G" if part == "header" else b"-")
                ended = client.recv(10_000) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
        assert ended
        assert post(server.port) == 200


def test_images_too_large_are_refused_by_name():
    with running(app()) as server:
        assert post(server.port, png(1200)) == 400  # 1.4 megapixels
        assert post(server.port, bytes(1_050_000)) == 400  # 1.05 MB
        assert post(server.port, bytes(3_000_000)) == 413
