/// Field numbers of the messages that kubectl sends as protobuf: the objects of its `create` commands, and reviews.
///
/// One line a message: its name, then number, JSON name and type of each field. Types: `s` text, `b` bytes (base64 in
/// JSON), `i` number, `t` truth; `?` keeps zero and empty values, which are dropped otherwise; `[]` repeated, `{}` map
/// from text; `-` ignored; else another message. The numbers are those of Kubernetes' `generated.proto` files.
enum ProtobufSchema {
    /// One field of a message.
    struct Field: Sendable {
        let name: String
        /// Without marks.
        let type: String
        let keepsZero: Bool
        let repeated: Bool
        let map: Bool
    }

    /// The fields of a message by number; nil for messages that are not known.
    static func fields(of message: String) -> [Int: Field]? { self.messages[message] }

    private static let table = """
        ObjectMeta 1 name s 2 generateName s 3 namespace s 4 selfLink s 5 uid s 6 resourceVersion s 7 generation i \
        8 creationTimestamp - 9 deletionTimestamp - 10 deletionGracePeriodSeconds i? 11 labels {}s? 12 annotations {}s? \
        13 ownerReferences []OwnerReference 14 finalizers []s 17 managedFields -
        OwnerReference 1 kind s 3 name s 4 uid s 5 apiVersion s 6 controller t? 7 blockOwnerDeletion t?
        ObjectReference 1 kind s 2 namespace s 3 name s 4 uid s 5 apiVersion s 6 resourceVersion s 7 fieldPath s
        LocalObjectReference 1 name s
        LabelSelector 1 matchLabels {}s? 2 matchExpressions []LabelSelectorRequirement
        LabelSelectorRequirement 1 key s 2 operator s 3 values []s?
        DeleteOptions 1 gracePeriodSeconds i? 2 preconditions Preconditions 3 orphanDependents t? 4 propagationPolicy s \
        5 dryRun []s 6 ignoreStoreReadErrorWithClusterBreakingPotential t
        Preconditions 1 uid s 2 resourceVersion s
        Namespace 1 metadata ObjectMeta 2 spec NamespaceSpec 3 status -
        NamespaceSpec 1 finalizers []s
        ConfigMap 1 metadata ObjectMeta 2 data {}s? 3 binaryData {}b? 4 immutable t?
        Secret 1 metadata ObjectMeta 2 data {}b? 3 type s 4 stringData {}s? 5 immutable t?
        ServiceAccount 1 metadata ObjectMeta 2 secrets []ObjectReference 3 imagePullSecrets []LocalObjectReference \
        4 automountServiceAccountToken t?
        TokenRequest 1 metadata ObjectMeta 2 spec TokenRequestSpec 3 status -
        TokenRequestSpec 1 audiences []s 3 boundObjectRef BoundObjectReference 4 expirationSeconds i?
        BoundObjectReference 1 kind s 2 apiVersion s 3 name s 4 uid s
        TokenReview 1 metadata ObjectMeta 2 spec TokenReviewSpec 3 status -
        TokenReviewSpec 1 token s 2 audiences []s
        SelfSubjectReview 1 metadata ObjectMeta 2 status -
        SelfSubjectAccessReview 1 metadata ObjectMeta 2 spec SubjectAccessReviewSpec 3 status -
        SubjectAccessReview 1 metadata ObjectMeta 2 spec SubjectAccessReviewSpec 3 status -
        LocalSubjectAccessReview 1 metadata ObjectMeta 2 spec SubjectAccessReviewSpec 3 status -
        SubjectAccessReviewSpec 1 resourceAttributes ResourceAttributes 2 nonResourceAttributes NonResourceAttributes \
        3 user s 4 groups []s 5 extra {}ExtraValue 6 uid s
        ExtraValue 1 items []s
        ResourceAttributes 1 namespace s 2 verb s 3 group s 4 version s 5 resource s 6 subresource s 7 name s
        NonResourceAttributes 1 path s 2 verb s
        SelfSubjectRulesReview 1 metadata ObjectMeta 2 spec SelfSubjectRulesReviewSpec 3 status -
        SelfSubjectRulesReviewSpec 1 namespace s
        Eviction 1 metadata ObjectMeta 2 deleteOptions DeleteOptions
        Role 1 metadata ObjectMeta 2 rules []PolicyRule
        ClusterRole 1 metadata ObjectMeta 2 rules []PolicyRule
        PolicyRule 1 verbs []s 2 apiGroups []s? 3 resources []s 4 resourceNames []s 5 nonResourceURLs []s
        RoleBinding 1 metadata ObjectMeta 2 subjects []Subject 3 roleRef RoleRef
        ClusterRoleBinding 1 metadata ObjectMeta 2 subjects []Subject 3 roleRef RoleRef
        Subject 1 kind s 2 apiGroup s 3 name s 4 namespace s
        RoleRef 1 apiGroup s 2 kind s 3 name s
        Deployment 1 metadata ObjectMeta 2 spec DeploymentSpec 3 status -
        DeploymentSpec 1 replicas i? 2 selector LabelSelector 3 template PodTemplateSpec 4 strategy DeploymentStrategy \
        5 minReadySeconds i 6 revisionHistoryLimit i? 7 paused t 9 progressDeadlineSeconds i?
        DeploymentStrategy 1 type s 2 rollingUpdate RollingUpdateDeployment
        RollingUpdateDeployment 1 maxUnavailable IntOrString 2 maxSurge IntOrString
        Job 1 metadata ObjectMeta 2 spec JobSpec 3 status -
        JobSpec 1 parallelism i? 2 completions i? 3 activeDeadlineSeconds i? 4 selector LabelSelector \
        5 manualSelector t? 6 template PodTemplateSpec 7 backoffLimit i? 8 ttlSecondsAfterFinished i?
        PodTemplateSpec 1 metadata ObjectMeta 2 spec PodSpec
        PodSpec 2 containers []Container 3 restartPolicy s 4 terminationGracePeriodSeconds i? \
        5 activeDeadlineSeconds i? 6 dnsPolicy s 7 nodeSelector {}s 8 serviceAccountName s 9 serviceAccount s \
        10 nodeName s 11 hostNetwork t 12 hostPID t 13 hostIPC t 14 securityContext - \
        15 imagePullSecrets []LocalObjectReference 16 hostname s 17 subdomain s 19 schedulerName s \
        20 initContainers []Container 21 automountServiceAccountToken t?
        Container 1 name s 2 image s 3 command []s 4 args []s 5 workingDir s 6 ports []ContainerPort 7 env []EnvVar \
        8 resources ResourceRequirements 9 volumeMounts []VolumeMount 13 terminationMessagePath s 14 imagePullPolicy s \
        16 stdin t 17 stdinOnce t 18 tty t 20 terminationMessagePolicy s
        ContainerPort 1 name s 2 hostPort i 3 containerPort i 4 protocol s 5 hostIP s
        EnvVar 1 name s 2 value s
        VolumeMount 1 name s 2 readOnly t 3 mountPath s 4 subPath s
        ResourceRequirements 1 limits {}Quantity 2 requests {}Quantity
        Service 1 metadata ObjectMeta 2 spec ServiceSpec 3 status -
        ServiceSpec 1 ports []ServicePort 2 selector {}s 3 clusterIP s 4 type s 5 externalIPs []s 7 sessionAffinity s \
        8 loadBalancerIP s 10 externalName s 11 externalTrafficPolicy s 12 healthCheckNodePort i \
        13 publishNotReadyAddresses t 18 clusterIPs []s 19 ipFamilies []s
        ServicePort 1 name s 2 protocol s 3 port i 4 targetPort IntOrString 5 nodePort i 6 appProtocol s
        PodDisruptionBudget 1 metadata ObjectMeta 2 spec PodDisruptionBudgetSpec 3 status -
        PodDisruptionBudgetSpec 1 minAvailable IntOrString 2 selector LabelSelector 3 maxUnavailable IntOrString
        """

    private static let messages: [String: [Int: Field]] = Dictionary(
        uniqueKeysWithValues: table.split(separator: "\n").map { line in
            let words = line.split(separator: " ").map(String.init)
            var fields: [Int: Field] = [:]
            for index in stride(from: 1, to: words.count - 2, by: 3) {
                guard let number = Int(words[index]) else { continue }
                var type = words[index + 2]
                let keeps = type.hasSuffix("?")
                if keeps { type.removeLast() }
                let repeated = type.hasPrefix("[]")
                let map = type.hasPrefix("{}")
                if repeated || map { type.removeFirst(2) }
                fields[number] = Field(
                    name: words[index + 1],
                    type: type,
                    keepsZero: keeps,
                    repeated: repeated,
                    map: map
                )
            }
            return (words[0], fields)
        }
    )
}
