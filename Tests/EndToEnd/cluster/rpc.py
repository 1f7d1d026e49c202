"""gRPC without generated code: `rpc.py serve PORT NAME`, `rpc.py call HOST:PORT NAME VALUE`; needs grpcio.

What is served, as bytes: /e2e.Echo/Unary answers NAME: and the message, /e2e.Echo/Stream each message of a stream so, and
/e2e.Echo/Fail the status FAILED_PRECONDITION with the server's NAME.
"""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

#: So that the server's end of a connection answers as fast as it can.
OPTIONS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]


def serve(port, name):
    prefix = name.encode() + b": "

    def unary(message, _):
        return prefix + message

    def stream(messages, _):
        for message in messages:
            yield prefix + message

    def fail(_, context):
        context.set_trailing_metadata((("x-by", name),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{name} fails")

    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
    }
    server = grpc.server(ThreadPoolExecutor(16), options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("e2e.Echo", handlers),))
    found = server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    print(found, flush=True)
    server.wait_for_termination()


def call(target, name, value):
    """On one channel: calls with the header and without, one after another, interleaved, large, failing; who answered."""
    with grpc.insecure_channel(target, options=OPTIONS) as channel:
        marked = [(name, value)]
        unary = channel.unary_unary("/e2e.Echo/Unary")
        stream = channel.stream_stream("/e2e.Echo/Stream")
        fail = channel.unary_unary("/e2e.Echo/Fail")
        words = {"timeout": 20, "wait_for_ready": True}
        result = {"unary": [unary(b"x", metadata=metadata, **words).decode() for metadata in (None, marked) * 3]}

        # Two streams at once, each message sent when the other's answer has come.
        turns = [(None, threading.Semaphore(1)), (marked, threading.Semaphore(0))]

        def messages(number):
            for turn in range(4):
                if not turns[number][1].acquire(timeout=20):
                    return
                yield f"{turn}".encode()

        calls = [stream(messages(number), metadata=turns[number][0], timeout=30) for number in (0, 1)]
        seen = [[], []]
        for _ in range(4):
            for number in (0, 1):
                seen[number].append(next(calls[number]).decode())
                turns[1 - number][1].release()
        result["streams"] = seen
        large = bytes(range(256)) * 8192
        result["large"] = []
        for metadata in (None, marked):
            answer = unary(large, metadata=metadata, **words)
            by, _, rest = answer.partition(b": ")
            result["large"].append([by.decode(), rest == large])
        result["failures"] = []
        for metadata in (None, marked):
            try:
                fail(b"", metadata=metadata, **words)
            except grpc.RpcError as error:
                trailing = dict(error.trailing_metadata())
                result["failures"].append([error.code().name, error.details(), trailing.get("x-by")])
    return result


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        print(json.dumps(call(*sys.argv[2:])))
