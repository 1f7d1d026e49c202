"""From the workstation to the cluster: names, addresses, TCP and UDP."""

from scenario import Port, each_mode
from shell import expect


@each_mode
def scenario_services_by_name(t):
    """Each of several services answers by name, name.namespace, name.namespace.svc and its full name."""
    apps = [t.app(str(number), env={"NAME": f"app-{number}"}, wait=False) for number in range(2)]
    c = t.connect()
    for app in apps:
        app.ready()
        for suffix in ("", f".{t.namespace}", f".{t.namespace}.svc", f".{t.namespace}.svc.cluster.local"):
            answer = c.get(f"http://{app.name}{suffix}/")
            expect(answer["by"] == app.objects[0]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"], answer)
