import Cluster
import Testing

@testable import Host

@Suite struct SubnetTests {
    @Test("pods are covered by few prefixes, neighbours joined exactly") func cover() {
        #expect(SubnetCover.pods(["10.1.2.3", "10.1.2.4", "10.1.3.1"]) == ["10.1.2.0/23"])
        #expect(SubnetCover.pods(["10.1.1.3", "10.1.2.4"]) == ["10.1.1.0/24", "10.1.2.0/24"])
        #expect(SubnetCover.pods(["fd00::5", "fd00::6", "10.0.0.1", "", "x"]) == ["10.0.0.0/24", "fd00::/120"])
        #expect(SubnetCover.pods((0..<4).map { "10.4.\($0).9" }) == ["10.4.0.0/22"])
    }

    @Test("too many prefixes grow together, the closest first, and never wider than /16") func many() {
        let scattered = (0..<100).map { "10.4.\($0 * 2).1" }
        let covered = SubnetCover.pods(scattered)
        #expect(covered.count <= SubnetCover.maximum)
        let wide = (0..<50).map { "10.\($0 * 2).0.1" }
        #expect(SubnetCover.pods(wide).count == 50)
    }

    @Test("a guess is the /16 around an address") func guess() {
        #expect(SubnetCover.services("10.96.0.1") == ["10.96.0.0/16"])
        #expect(SubnetCover.services("fd00:10::1") == ["fd00:10::/112"])
        #expect(SubnetCover.services("nonsense") == [])
    }

    @Test("an API server's refusal names the ranges")
    func refusal() {
        let one =
            "Service \"x\" is invalid: spec.clusterIPs: Invalid value: []string{\"1.1.1.1\"}: failed to allocate IP "
            + "1.1.1.1: the provided IP (1.1.1.1) is not in the valid range. The range of valid IPs is 10.96.0.0/12"
        #expect(SubnetFinder.ranges(inRefusal: one) == ["10.96.0.0/12"])
        #expect(SubnetFinder.ranges(inRefusal: one + "; ask the administrator") == ["10.96.0.0/12"])
        #expect(SubnetFinder.ranges(inRefusal: "forbidden: services is forbidden") == [])
    }

    @Test("kubeadm's configuration names the service subnets") func kubeadm() {
        let text = "kind: ClusterConfiguration\nnetworking:\n  dnsDomain: cluster.local\n"
        #expect(
            SubnetFinder.serviceSubnet(inClusterConfiguration: text + "  serviceSubnet: 10.96.0.0/12,fd00::/108 # x\n")
                == ["10.96.0.0/12", "fd00::/108"]
        )
        #expect(SubnetFinder.serviceSubnet(inClusterConfiguration: text) == [])
    }

    @Test("the environment chooses how pods are found") func strategies() throws {
        #expect(try PodSubnetStrategy(environment: [:]) == .auto)
        #expect(try PodSubnetStrategy(environment: ["TELEPRESENCE_POD_CIDR_STRATEGY": "nodePodCIDRs"]) == .nodes)
        #expect(try PodSubnetStrategy(environment: ["TELEPRESENCE_POD_CIDR_STRATEGY": "coverPodIPs"]) == .pods)
        #expect(
            try PodSubnetStrategy(environment: ["TELEPRESENCE_POD_CIDRS": "10.1.0.0/16, fd00::/64"])
                == .given(["10.1.0.0/16", "fd00::/64"])
        )
        for wrong in [
            ["TELEPRESENCE_POD_CIDR_STRATEGY": "other"], ["TELEPRESENCE_POD_CIDR_STRATEGY": "environment"],
            ["TELEPRESENCE_POD_CIDRS": "10.1.0.0"],
        ] {
            #expect(throws: PodSubnetStrategy.Failure.self) { try PodSubnetStrategy(environment: wrong) }
        }
    }

    @Test("addresses of a published manager are read") func direct() {
        #expect(DirectAddress("h:1")?.description == "h:1")
        #expect(DirectAddress("[fd00::1]:8081")?.host == "fd00::1")
        for wrong in ["h", "h:0", ":1", "fd00::1:80", "[h]:1", "a b:1"] { #expect(DirectAddress(wrong) == nil) }
        #expect(
            DirectAddressFinder.balancers([
                "spec": ["type": "LoadBalancer", "ports": [["name": "api", "port": 8081]]],
                "status": ["loadBalancer": ["ingress": [["ip": "1.2.3.4"], ["hostname": "lb.test"]]]],
            ]) == ["1.2.3.4:8081", "lb.test:8081"]
        )
        #expect(
            DirectAddressFinder.nodePorts(
                ["spec": ["type": "NodePort", "ports": [["name": "api", "port": 8081, "nodePort": 30081]]]],
                [
                    [
                        "status": [
                            "addresses": [
                                ["type": "InternalIP", "address": "10.0.0.1"],
                                ["type": "ExternalIP", "address": "5.6.7.8"],
                            ]
                        ]
                    ]
                ]
            ) == ["5.6.7.8:30081", "10.0.0.1:30081"]
        )
    }
}
