"""An app with volumes, for the scenarios that bring them to the workstation."""


def config(t, name, **values):
    """The app's config map, with these values and no others."""
    t.cluster.apply(
        [
            {
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": t.namespace},
                "data": values,
            }
        ]
    )  # fmt: skip


def volume_app(t, **values):
    """An app with a config map of these values, a secret, and a directory of its own."""
    name = t.unique()
    config(t, name, **values)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": t.namespace}}
    t.cluster.apply([{**secret, "stringData": {"key": "s3cret"}}])
    t.later(lambda: t.kubectl("delete", "configmap,secret", name, "--ignore-not-found").ok())

    def change(objects):
        pod = objects[0]["spec"]["template"]["spec"]
        pod.setdefault("volumes", []).extend(
            [
                {"name": "e2e-map", "configMap": {"name": name}},
                {"name": "e2e-secret", "secret": {"secretName": name}},
                {"name": "e2e-data", "emptyDir": {}},
            ]
        )
        pod["containers"][0].setdefault("volumeMounts", []).extend(
            [
                {"name": "e2e-map", "mountPath": "/etc/e2e"},
                {"name": "e2e-secret", "mountPath": "/etc/e2e-secret", "readOnly": True},
                {"name": "e2e-data", "mountPath": "/e2e-data"},
            ]
        )

    return t.app(name=name, change=change)
