import Cluster

/// Makes pods and services, right and wrong, from a seed.
struct PodGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    }

    /// SplitMix64.
    private mutating func number(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ (value >> 31)) % UInt64(bound))
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[number(below: elements.count)] }

    /// A wrong value now and then.
    private mutating func perhapsWrong(_ value: JSONValue) -> JSONValue {
        guard number(below: 25) == 0 else { return value }
        return pick([.null, 7, -1, 1.5, "", "$(", "~/", [], [1, .null], .emptyObject, ["name": 3], true])
    }

    private mutating func port() -> JSONValue {
        perhapsWrong(
            pick([
                80, 8080, 9900, 10900, 53, 65535, 0, 65536, -4, "http", "80", "", "long-name-no-one",
                "long-name-no-two",
            ])
        )
    }

    mutating func pod() -> JSONValue {
        var containers: [JSONValue] = []
        for index in 0..<number(below: 4) {
            var ports: [JSONValue] = []
            for _ in 0..<number(below: 4) {
                ports.append(
                    perhapsWrong([
                        "name": perhapsWrong(
                            .string(pick(["http", "dns", "long-name-no-one", "long-name-no-two", "tm-http"]))
                        ),
                        "containerPort": port(), "protocol": perhapsWrong(pick(["TCP", "UDP", "SCTP"])),
                    ])
                )
            }
            containers.append(
                perhapsWrong([
                    "name": .string("c\(index)"),
                    "ports": perhapsWrong(.array(ports)),
                    "env": perhapsWrong([
                        perhapsWrong(["name": "X", "value": pick(["$(Y)", "$$(Y)", "$(", "$", "plain"])]),
                        perhapsWrong(["name": "Y", "valueFrom": perhapsWrong(["resourceFieldRef": .emptyObject])]),
                    ]),
                    "envFrom": perhapsWrong([perhapsWrong(["prefix": perhapsWrong("P_")])]),
                    "volumeMounts": perhapsWrong([perhapsWrong(["name": "v", "mountPath": perhapsWrong("/v")])]),
                    "readinessProbe": perhapsWrong(["httpGet": perhapsWrong(["port": port()])]),
                    "lifecycle": perhapsWrong(["preStop": perhapsWrong(["tcpSocket": ["port": port()]])]),
                ])
            )
        }
        return perhapsWrong([
            "metadata": perhapsWrong([
                "labels": perhapsWrong(["app": "echo"]),
                "annotations": perhapsWrong([
                    "telepresence.io/inject-container-ports": perhapsWrong(pick(["8080", "http", "/", "x/y,,", " "]))
                ]),
            ]),
            "spec": perhapsWrong([
                "containers": perhapsWrong(.array(containers)), "volumes": perhapsWrong([["name": "v"]]),
                "initContainers": perhapsWrong([]), "securityContext": perhapsWrong(["runAsUser": perhapsWrong(0)]),
            ]),
        ])
    }

    mutating func service() -> JSONValue {
        perhapsWrong([
            "metadata": perhapsWrong(["name": perhapsWrong("s")]),
            "spec": perhapsWrong([
                "selector": perhapsWrong(["app": "echo"]), "clusterIP": perhapsWrong(pick(["None", "10.0.0.1"])),
                "ports": perhapsWrong([
                    perhapsWrong([
                        "name": perhapsWrong("web"), "port": port(), "targetPort": port(),
                        "protocol": perhapsWrong(pick(["TCP", "UDP", "SCTP"])),
                    ])
                ]),
            ]),
        ])
    }
}
