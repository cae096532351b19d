"""The network shut: what leads away from this machine is refused by name, the rest goes on."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from agentkit.agent import Agent
from agentkit.errors import NetworkShutError
from agentkit.http import ChatModel
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.network import open_network, shut_network

ELSEWHERE = "192.0.2.1"  # RFC 5737: no machine's


def refusal(host):
    return (
        f"A test asked for {host}, and the network is shut for tests. Answer from a cassette (the fixture `cassette`, "
        "recorded once by `pytest --agentkit-record=record`) or from a `FakeEndpoint`; or mark the test "
        '`@pytest.mark.agentkit_network("open")`.'
    )


def test_a_connection_elsewhere_is_refused_with_what_to_do():
    with shut_network(), socket.socket() as client, pytest.raises(NetworkShutError) as caught:
        client.connect((ELSEWHERE, 80))
    assert str(caught.value) == refusal(ELSEWHERE)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: socket.create_connection(("example.org", 80)),
        lambda: socket.getaddrinfo(b"example.org", 80),
        lambda: socket.gethostbyname("example.org"),
        lambda: socket.gethostbyaddr("example.org"),
        lambda: httpx.get("http://example.org", verify=False),
        lambda: asyncio.run(asyncio.open_connection("example.org", 443)),
    ],
)
def test_a_name_elsewhere_is_not_even_looked_up(ask):
    with shut_network(), pytest.raises(NetworkShutError) as caught:
        ask()
    assert str(caught.value) == refusal("example.org")


@pytest.mark.parametrize("ask", [socket.gethostbyaddr, lambda host: socket.getnameinfo((host, 80), 0)])
def test_an_address_elsewhere_is_not_looked_up_for_its_name(ask):
    with shut_network(), pytest.raises(NetworkShutError) as caught:
        ask(ELSEWHERE)
    assert str(caught.value) == refusal(ELSEWHERE)


@pytest.mark.parametrize("host", ["2001:db8::1", "::ffff:192.0.2.1"])
def test_the_newer_addresses_are_refused_too(host):
    with shut_network(), socket.socket(socket.AF_INET6) as client, pytest.raises(NetworkShutError) as caught:
        client.connect((host, 80))
    assert str(caught.value) == refusal(host)


@pytest.mark.parametrize("host", ["127.9.9.9", "0.0.0.0", "localhost", "ip6-localhost", "::1", "::ffff:127.0.0.1"])
def test_this_machines_names_and_addresses_can_be_looked_up(host):
    with shut_network():
        for name in (host, socket.gethostname()):
            with contextlib.suppress(socket.gaierror):  # not every machine knows all of them
                socket.getaddrinfo(name, 80)
        assert socket.getfqdn()


def test_datagrams_and_other_threads_are_refused_too():
    seen = []

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            try:
                client.sendto(b"x", (ELSEWHERE, 9))
            except NetworkShutError as error:
                seen.append(str(error))

    with shut_network():
        thread = threading.Thread(target=send)
        thread.start()
        thread.join()
    assert seen == [refusal(ELSEWHERE)]


def test_asyncio_connects_to_no_address_elsewhere():
    async def main():
        await asyncio.open_connection(ELSEWHERE, 80)

    with shut_network(), pytest.raises(NetworkShutError) as caught:
        asyncio.run(main())
    assert str(caught.value) == refusal(ELSEWHERE)


@pytest.mark.parametrize("host", ["example.org", ELSEWHERE])
def test_a_model_is_refused_once_and_not_tried_again(host):
    with shut_network(), pytest.raises(NetworkShutError) as caught:
        Agent(ChatModel("m", base_url=f"https://{host}/v1")).run_sync("Hi")
    assert str(caught.value) == refusal(host)


def test_this_machine_stays_open(tmp_path):
    with shut_network(), FakeEndpoint() as endpoint:
        for host in ("127.0.0.1", "localhost"):
            model = ChatModel("m", base_url=f"http://{host}:{endpoint.port}/v1")
            assert Agent(model).run_sync("Hi").output == "You said: Hi"
        left, right = socket.socketpair()
        left.close()
        right.close()
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(FileNotFoundError):
            client.connect(str(tmp_path / "none"))
        socket.getaddrinfo("::1", 80)
        socket.getaddrinfo(None, 80)


def test_it_is_open_again_afterwards_and_in_a_block_that_opens_it():
    script = f"""
import socket
from agentkit.testing.network import open_network, shut_network

def ask():
    with socket.socket() as client:
        client.setblocking(False)
        try:
            client.connect(("{ELSEWHERE}", 80))
        except OSError:
            return "let through"
        except AssertionError:
            return "refused"

with shut_network():
    print(ask())
    with open_network():
        print(ask())
    print(ask())
print(ask())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["refused", "let through", "refused", "let through", ""]


def test_opening_alone_changes_nothing():
    with open_network(), FakeEndpoint() as endpoint:
        assert httpx.get(endpoint.base_url, verify=False).status_code == 404
