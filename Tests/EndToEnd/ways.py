"""Direct ways between agents and the workstation: bytes pass no manager, and a way that fails costs no request."""

import os
import subprocess
import threading

from intercept import answered_by, cluster_request, start_handler
from lab import Failure, run, wait_until
from modes import Mode, expect
from status import agent_of

#: What passes from the workstation through the agent in one go, and what the manager may see of it.
BULK = 3_000_000
LITTLE = 500_000


def fault(lab, *words):
    state = os.path.join(lab.directory, "sandbox")
    run([lab.binary("sandbox"), "fault", *words, "--state", state]).ok()


def attachment(mode):
    return mode.tp("status", "--format", "json").ok().json()["attachments"][0]


def wait_for_way(mode, way, seconds=60):
    """Waits until `status` says that the attachment's traffic takes a way."""

    def seen():
        found = attachment(mode)
        if found.get("traffic") != way:
            raise Failure(f"the traffic goes {found.get('traffic')}: {found.get('traffic_reason')}")
        return found

    return wait_until(f"{mode.name}: traffic by {way}", seen, seconds)


def carried(mode, pod):
    """Bytes that the manager has had from and sent to the agent of a pod."""
    state = mode.tp("status", "--of", "manager", "--format", "json").ok().json()
    sessions = [one["id"] for one in state["sessions"] if one["kind"] == "agent" and one["owner"] == pod]
    links = [link for link in state["links"] if link["session_id"] in sessions]
    expect(links, f"a link of {pod} at the manager: {state['links']}")
    return sum(link["bytes_in"] + link["bytes_out"] for link in links)


def post(lab, size):
    """A body that the front end's pod sends to the back end, there and back; how many bytes came back."""
    pod = lab.kubectl("get", "pods", "-l", "app=frontend", "-o", "jsonpath={.items[0].metadata.name}").ok().out.strip()
    program = (
        "import http.client, os; data = os.urandom(%d); c = http.client.HTTPConnection('backend', 80, timeout=30); "
        "c.request('POST', '/echo', data); answer = c.getresponse().read(); print(len(answer), answer == data)" % size
    )
    out = lab.kubectl("exec", pod, "-c", container(lab, pod), "--", "python3", "-c", program, seconds=60).ok().out
    return out.strip()


def container(lab, pod):
    return lab.kubectl("get", "pod", pod, "-o", "jsonpath={.spec.containers[0].name}").ok().out.strip()


def scenario_direct_agent(lab):
    """In both modes an intercept's bytes pass no manager once the agent is linked; status says so."""
    for isolated in (False, True):
        with Mode(lab, isolated) as mode:
            handler = start_handler(lab, mode, 8101)
            try:
                mode.tp("intercept", "backend", "--port", "8101").ok()
                wait_for_way(mode, "direct")
                text = mode.tp("status").ok().out
                expect("Traffic       : direct" in text, text)
                pod = agent_of(mode, "backend").split("/")[1]

                def passed():
                    # A machine that is very slow may send one connection through the manager.
                    before = carried(mode, pod)
                    answer = post(lab, BULK)
                    expect(answer == f"{BULK} True", answer)
                    after = carried(mode, pod)
                    expect(after - before < LITTLE, f"the manager has carried {after - before} bytes of {2 * BULK}")
                    return True

                wait_until("bytes that pass no manager", passed, 60)
                links = mode.tp("status", "--of", "userd", "--format", "json").ok().json()["links"]
                direct = [link for link in links if link["transport"] == "direct" and link["peer"].endswith(pod)]
                expect(direct and direct[0]["bytes_in"] > BULK, links)
                mode.tp("leave", "backend").ok()
            finally:
                handler.kill()


def scenario_direct_agent_cut(lab):
    """Where the port-forward to the agent is killed requests go through the manager, and none is lost; later it is back."""
    with Mode(lab, False) as mode:
        handler = start_handler(lab, mode, 8102)
        try:
            mode.tp("intercept", "backend", "--port", "8102").ok()
            wait_for_way(mode, "direct")
            wrong, count, done = [], 0, threading.Event()

            def ask_on():
                nonlocal count
                while not done.is_set():
                    try:
                        result = cluster_request(lab)
                        if "workstation" not in result.out:
                            wrong.append(str(result))
                    except Failure as failure:
                        wrong.append(str(failure))
                    count += 1

            cluster_request(lab)
            asking = threading.Thread(target=ask_on)
            asking.start()
            try:
                wait_until("some requests", lambda: count > 5, 30)
                fault(lab, "--sever", "default/backend")
                found = wait_for_way(mode, "manager")
                expect(found["traffic_reason"].startswith("backend"), found)
                wait_until("requests without a direct link", lambda seen=count: count > seen + 10, 30)
                fault(lab, "clear")
                wait_for_way(mode, "direct")
                wait_until("requests with the link back", lambda seen=count: count > seen + 10, 30)
            finally:
                done.set()
                asking.join()
                fault(lab, "clear")
            # What was open on the link that was killed could not live on; there is one request at a time.
            expect(len(wrong) <= 1, f"{len(wrong)} of {count} requests went wrong: {wrong[:2]}")
            mode.tp("leave", "backend").ok()
            answered_by(lab, mode, "backend")
        finally:
            handler.kill()


def scenario_port_forward_ways(lab):
    """Where a proxy refuses a way of port-forwarding the next one is taken, and status says why; kubectl has its own."""
    ways = ["v4.channel.k8s.io", "SPDY/3.1+portforward.k8s.io", "SPDY/3.1"]
    mode = Mode(lab, True)
    try:
        for count in (1, 2):
            refused = [word for way in ways[:count] for word in ("--refuse-forward", way)]
            fault(lab, *refused)
            # A fresh daemon remembers nothing.
            with mode:
                link = mode.tp("status", "--format", "json").ok().json()["connection"]["link"]
                expect(link.startswith(f"port-forward by {ways[count]} ({ways[0]}: "), link)
                answer = mode.check("download", "echo", "7002", "2")
                expect(answer, "a download")
                answered_by(lab, mode, "backend")
            fault(lab, "clear")
        forward = ["port-forward", "deployment/frontend", "18090:8080"]
        fault(lab, "--refuse-forward", ways[1], "--refuse-forward", ways[0])
        process = subprocess.Popen(
            ["kubectl", "--kubeconfig", lab.kubeconfig, *forward], stdout=subprocess.PIPE, text=True
        )
        try:
            expect("Forwarding" in process.stdout.readline(), "kubectl port-forward by SPDY/3.1")
            run(["curl", "-sS", "--max-time", "10", "http://127.0.0.1:18090/"], seconds=15).ok()
        finally:
            process.terminate()
            process.wait(10)
        fault(lab, *[word for way in ways for word in ("--refuse-forward", way)])
        mode.connect().failed("refuses every way of port-forwarding", *ways)
    finally:
        fault(lab, "clear")
        mode.quit()
