"""`python -m bench.bare PORT`: a `websockets` server that does nothing but hold sockets and write to them.

It is the limit beside which the gateway is measured. Each line of its input, the number of rounds, makes it write one
frame of an event's size that often to every socket; it answers the CPU seconds that took.
"""

import asyncio
import os
import sys
import time

import uvloop
from websockets.asyncio.server import ServerConnection, serve

from app.gateway.frames import framed

FRAME = framed(b'{"type":"nothing","filler":"%b"}' % (b"x" * 800))


async def main(port: int) -> None:
    sockets: set[ServerConnection] = set()

    async def hold(socket: ServerConnection) -> None:
        sockets.add(socket)
        await socket.wait_closed()
        sockets.discard(socket)

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with serve(hold, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4096):
        os.write(1, b"0\n")
        while line := await reader.readline():
            started = time.process_time()
            for _ in range(int(line)):
                for socket in sockets:
                    socket.transport.write(FRAME)
                await asyncio.sleep(0)
            os.write(1, b"%f\n" % (time.process_time() - started))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
