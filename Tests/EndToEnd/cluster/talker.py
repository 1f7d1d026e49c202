"""A client that keeps its connections, for scenarios about what happens to them: run as `python3 talker.py`.

Reads a JSON object from each line of standard input and answers each with one:

{"get": URL, "on": NAME, "headers": {}}    a request on the HTTP/1.1 connection of that name; {"by", "fresh": it was made for this}
{"open": URL, "on": NAME, "headers": {}}   opens a WebSocket (Debian's python3-websockets)
{"say": TEXT, "on": NAME}                  a message on it, and its answer
"""

import asyncio
import http.client
import json
import sys
from urllib.parse import urlsplit

kept, sockets = {}, {}


def get(url, on, headers=None):
    parts = urlsplit(url)
    fresh = on not in kept or kept[on].sock is None
    if on not in kept:
        kept[on] = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=20)
    kept[on].request("GET", parts.path or "/", headers=headers or {})
    response = kept[on].getresponse()
    return {"by": json.loads(response.read())["by"], "fresh": fresh}


async def open_socket(url, on, headers=None):
    import websockets

    connecting = websockets.connect(url, extra_headers=headers or {}, open_timeout=20, ping_interval=None)
    sockets[on] = await connecting
    return {}


async def say(text, on):
    await sockets[on].send(text)
    return {"answer": await asyncio.wait_for(sockets[on].recv(), 20)}


async def answer(words):
    if "get" in words:
        return get(words.pop("get"), **words)
    if "open" in words:
        return await open_socket(words.pop("open"), **words)
    return await say(words.pop("say"), **words)


async def main():
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            result = await answer(json.loads(line))
        except Exception as error:  # whatever a client can meet
            result = {"exception": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)
    for one in sockets.values():
        await one.close()


asyncio.run(main())
