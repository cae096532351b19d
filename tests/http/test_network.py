"""Sockets and TLS as httpcore is given them: what comes, what breaks, and what stays when nobody wants it any more."""

import asyncio
import contextlib
import contextvars
import gc
import socket
import ssl
import struct
import weakref
from pathlib import Path

import httpcore
import pytest

from agentkit.http.network import Network

CERTIFICATE = Path(__file__).parent / "certificate"
"""An authority made for the tests, and a server's certificate of it for localhost, 127.0.0.1 and ::1, with its key."""


def trusting():
    return ssl.create_default_context(cafile=CERTIFICATE / "authority.pem")


def serving():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE / "server.pem")
    return context


@contextlib.asynccontextmanager
async def server(talk, host="127.0.0.1", **options):
    """Serve each connection by a function of its two halves; give the port."""

    writers = []

    async def serve(reader, writer):
        writers.append(writer)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await talk(reader, writer)
        writer.close()

    running = await asyncio.start_server(serve, host, 0, **options)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for writer in writers:
            if not writer.is_closing():  # asyncio's transports may fail on it where they are closed
                writer.transport.abort()
        await asyncio.sleep(0)


async def echo(reader, writer):
    while data := await reader.read(100_000):
        writer.write(data)
        await writer.drain()


async def all_of(stream):
    found = b""
    while data := await stream.read(1000):
        found += data
    return found


def run(main):
    asyncio.run(asyncio.wait_for(main, 30))


def test_what_is_written_goes_out_when_an_answer_is_waited_for():
    async def main():
        async with server(echo) as port:
            network = Network()
            stream = await network.connect_tcp("127.0.0.1", port)
            await stream.write(b"one ")
            await stream.write(b"")
            await stream.write(b"two")
            assert await stream.read(3) == b"one"
            assert await stream.read(100) == b" two"
            assert stream.get_extra_info("server_addr") == ("127.0.0.1", port)
            assert stream.get_extra_info("client_addr")[0] == "127.0.0.1"
            assert stream.get_extra_info("socket").fileno() > 0
            assert stream.get_extra_info("ssl_object") is None
            await network.aclose()

    run(main())


def test_a_network_that_opened_nothing_closes_quietly():
    run(Network().aclose())


def test_an_address_of_version_6_is_one_too():
    async def main():
        try:
            async with server(echo, "::1") as port:
                network = Network()
                stream = await network.connect_tcp("::1", port)
                await stream.write(b"six")
                assert await stream.read(10) == b"six"
                await network.aclose()
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")

    run(main())


def test_a_name_is_tried_at_all_its_addresses():
    async def main():
        async with server(echo) as port:  # not at ::1, where a name may lead first
            network = Network()
            stream = await network.connect_tcp("localhost", port, 10)
            assert stream.get_extra_info("server_addr")[:2] == ("127.0.0.1", port)
            await network.aclose()

    run(main())


def test_where_from_and_how_a_socket_is_opened_may_be_said():
    async def main():
        async with server(echo) as port:
            network = Network()
            options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
            stream = await network.connect_tcp("127.0.0.1", port, None, "127.0.0.1", options)
            assert stream.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            await network.aclose()
        await network.sleep(0)

    run(main())


def test_where_nobody_listens_there_is_no_connection():
    async def main():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(httpcore.ConnectError) as caught:
                await Network().connect_tcp(host, port)
            assert str(caught.value) == "All connection attempts failed"

    run(main())


def test_a_name_that_nobody_knows_is_told_as_the_system_tells_it():
    async def main():
        def unknown(*_, **__):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        asyncio.get_running_loop().getaddrinfo = unknown
        with pytest.raises(httpcore.ConnectError) as caught:
            await Network().connect_tcp("nowhere.invalid", 80)
        assert str(caught.value) == f"[Errno {socket.EAI_NONAME}] Name or service not known"

    run(main())


def test_a_connection_that_does_not_come_in_time_is_given_up():
    async def main():
        async def never(*_, **__):
            await asyncio.Event().wait()

        asyncio.get_running_loop().getaddrinfo = never
        with pytest.raises(httpcore.ConnectTimeout):
            await Network().connect_tcp("nowhere.invalid", 80, 0.01)

    run(main())


def test_a_read_may_have_a_clock_of_its_own():
    async def main():
        async with server(echo) as port:
            network = Network()
            stream = await network.connect_tcp("127.0.0.1", port)
            with pytest.raises(httpcore.ReadTimeout):
                await stream.read(10, 0.01)
            await stream.write(b"late")
            assert await stream.read(10, 10) == b"late"
            await network.aclose()

    run(main())


def test_what_came_before_the_end_is_read_before_it():
    async def main():
        async def talk(reader, writer):
            await reader.read(1)
            writer.write(b"all that there is")
            writer.write_eof()
            await reader.read()  # half of it is closed, the other not yet

        async with server(talk) as port:
            network = Network()
            stream = await network.connect_tcp("127.0.0.1", port)
            await stream.write(b"?")
            assert await all_of(stream) == b"all that there is"
            assert stream.get_extra_info("is_readable")
            await stream.write(b"to nobody")
            assert await stream.read(10) == b""
            await network.aclose()

    run(main())


@pytest.mark.parametrize("said", [b"", b"so far"])
def test_a_connection_that_is_reset_gives_what_came_and_then_fails(said):
    async def main():
        async def talk(reader, writer):
            await reader.read(1)
            writer.write(said)
            if said:
                await reader.read(1)
            taken = writer.get_extra_info("socket")
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        async with server(talk) as port:
            network = Network()
            stream = await network.connect_tcp("127.0.0.1", port)
            await stream.write(b"?")
            if said:
                assert await stream.read(100) == said
                await stream.write(b"!")
            with pytest.raises(httpcore.ReadError, match="reset by peer"):
                await stream.read(100)
            await network.aclose()

    run(main())


def test_a_peer_that_sends_more_than_is_read_is_held_back():
    async def main():
        size = 40 * 1024 * 1024
        sent = 0

        async def talk(reader, writer):
            nonlocal sent
            await reader.read(1)
            while sent < size:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536

        async with server(talk) as port:
            network = Network()
            stream = await network.connect_tcp("127.0.0.1", port)
            await stream.write(b"?")
            came = len(await stream.read(10))
            while not stream._held_back:  # noqa: ASYNC110 # a socket has no event for it
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(stream._came) <= 2 * 256 * 1024
            assert sent < size
            while data := await stream.read(1024 * 1024):
                came += len(data)
            assert came == size
            await network.aclose()

    run(main())


async def refused_early(port):
    """Send more than is taken of it, and read the answer that came before: what is left waits to be sent."""
    stream = await Network().connect_tcp("127.0.0.1", port)
    await stream.write(b"x" * 16 * 1024 * 1024)
    assert await stream.read(9) == b"too large"
    while not stream._ended:  # noqa: ASYNC110 # a socket has no event for it
        await asyncio.sleep(0)
    assert stream._transport.is_closing()
    assert stream._transport.get_write_buffer_size()
    return stream


@contextlib.asynccontextmanager
async def refusing(then):
    """A server that answers early, ends its half and lingers, as nginx does; give the port."""

    async def talk(reader, writer):
        await reader.read(1)
        writer.write(b"too large")
        writer.write_eof()
        await then(reader, writer)

    async with server(talk) as port:
        yield port


def test_a_peer_that_ends_first_and_still_takes_what_is_sent_is_left_without_an_error():
    """asyncio's transports fail where they are ended once more after that."""

    async def main():
        refused, taken = asyncio.Event(), asyncio.Event()

        async def take(reader, _):
            await refused.wait()
            while await reader.read(1024 * 1024):
                pass
            taken.set()

        async with refusing(take) as port:
            stream = await refused_early(port)
            refused.set()
            await taken.wait()
            while not stream._lost:  # noqa: ASYNC110 # a socket has no event for it
                await asyncio.sleep(0)
            await stream.aclose()
            assert await stream.read(10) == b""

    run(main())


def test_a_peer_that_ends_first_and_takes_no_more_is_left_at_once():
    async def main():
        left = asyncio.Event()

        async def linger(*_):
            await left.wait()

        async with refusing(linger) as port:
            stream = await refused_early(port)
            await stream.aclose()
            assert stream._lost
            assert await stream.read(10) == b""
            left.set()

    run(main())


def test_what_fails_after_a_peer_has_ended_does_not_spoil_what_it_said():
    async def main():
        refused = asyncio.Event()

        async def reset(_, writer):
            await refused.wait()
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

        async with refusing(reset) as port:
            stream = await refused_early(port)
            refused.set()
            while not stream._lost:  # noqa: ASYNC110 # a socket has no event for it
                await asyncio.sleep(0)
            assert await stream.read(10) == b""
            await stream.aclose()

    run(main())


def test_a_wait_that_is_cancelled_loses_nothing():
    async def main():
        async with server(echo) as port:
            network = Network()
            stream = await network.connect_tcp("127.0.0.1", port)
            reading = asyncio.create_task(stream.read(10))
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            assert reading.cancelled()
            await stream.write(b"whole")
            assert await stream.read(10) == b"whole"
            await network.aclose()

    run(main())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_is_put_over_a_connection(version):
    async def main():
        context = serving()
        context.maximum_version = version
        context.set_alpn_protocols(["http/1.1"])
        client = trusting()
        client.set_alpn_protocols(["http/1.1"])
        async with server(echo, ssl=context) as port:
            network = Network()
            plain = await network.connect_tcp("127.0.0.1", port)
            stream = await plain.start_tls(client, "localhost", 10)
            assert stream.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
            assert stream.get_extra_info("server_addr") == ("127.0.0.1", port)
            text = b"text" * 100_000
            await stream.write(b"")
            await stream.write(text)
            found = b""
            while len(found) < len(text):
                found += await stream.read(65536)
            assert found == text
            assert not stream.get_extra_info("is_readable")
            await stream.aclose()

    run(main())


def test_tls_that_ends_without_a_word_has_ended():
    async def main():
        async def talk(reader, writer):
            await reader.read(1)
            writer.write(b"all")
            await writer.drain()
            await reader.read(1)
            writer.transport.abort()

        async with server(talk, ssl=serving()) as port:
            network = Network()
            stream = await (await network.connect_tcp("127.0.0.1", port)).start_tls(trusting(), "127.0.0.1")
            await stream.write(b"?")
            assert await stream.read(10) == b"all"
            await stream.write(b"!")
            with contextlib.suppress(httpcore.ReadError):  # a socket that is closed with unread bytes is reset
                assert await stream.read(10) == b""
            await network.aclose()

    run(main())


def test_tls_in_tls_reaches_a_server_behind_one():
    async def main():
        async def pass_on(reader, writer):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", inner)

            async def copy(source, target):
                while data := await source.read(65536):
                    target.write(data)
                target.close()

            await asyncio.wait(
                [asyncio.create_task(copy(reader, inner_writer)), asyncio.create_task(copy(inner_reader, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )

        async with server(echo, ssl=serving()) as inner, server(pass_on, ssl=serving()) as port:
            network = Network()
            outside = await (await network.connect_tcp("127.0.0.1", port)).start_tls(trusting(), "localhost")
            inside = await outside.start_tls(trusting(), "127.0.0.1")
            await inside.write(b"deep")
            assert await inside.read(10) == b"deep"
            await inside.aclose()

    run(main())


def test_a_server_that_nobody_vouches_for_is_refused():
    async def main():
        async with server(echo, ssl=serving()) as port:
            network = Network()
            with pytest.raises(httpcore.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await (await network.connect_tcp("127.0.0.1", port)).start_tls(
                    ssl.create_default_context(), "localhost"
                )
            with pytest.raises(httpcore.ConnectError, match="Hostname mismatch"):
                await (await network.connect_tcp("127.0.0.1", port)).start_tls(trusting(), "elsewhere.invalid")

    run(main())


def test_a_server_that_speaks_no_tls_is_no_connection():
    async def main():
        async def talk(reader, writer):
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async def leave(reader, writer):
            writer.close()

        for told in (talk, leave):
            async with server(told) as port:
                plain = await Network().connect_tcp("127.0.0.1", port)
                with pytest.raises(httpcore.ConnectError):
                    await plain.start_tls(trusting(), "localhost")

    run(main())


def test_a_handshake_that_takes_too_long_is_given_up():
    async def main():
        async with server(lambda reader, _: reader.read()) as port:
            plain = await Network().connect_tcp("127.0.0.1", port)
            with pytest.raises(httpcore.ConnectTimeout):
                await plain.start_tls(trusting(), "localhost", 0.01)

    run(main())


def test_other_loops_serve_too():
    uvloop = pytest.importorskip("uvloop")

    async def main():
        async with server(echo, ssl=serving()) as port:
            network = Network()
            stream = await (await network.connect_tcp("localhost", port, 10)).start_tls(trusting(), "localhost", 10)
            await stream.write(b"fast")
            assert await stream.read(10) == b"fast"
            await network.aclose()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(main(), 30))


def test_a_kept_connection_keeps_nothing_of_the_run_that_opened_or_read_it():
    class Run:
        """What a context variable holds."""

    known = contextvars.ContextVar("known")

    async def use(stream):
        known.set(run := Run())
        if stream is None:
            stream = await Network().connect_tcp("127.0.0.1", port)
        await stream.write(b"x" * 2_000_000)  # as much again comes back: it is held back, and goes on
        left = 2_000_000 - len(await stream.read(1))
        await asyncio.sleep(0.05)
        while left:
            left -= len(await stream.read(65_536))
        return stream, weakref.ref(run)

    async def main():
        nonlocal port
        async with server(echo) as port:
            stream = None
            for _ in range(3):
                stream, run = await asyncio.create_task(use(stream))
                await asyncio.sleep(0)  # for the loop to let go of the task
                gc.collect()
                assert run() is None
            await stream.aclose()

    port = 0
    asyncio.run(main())
