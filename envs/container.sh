#!/bin/sh
# The container of envs/koopflow.def without a registry of images: a Debian from debootstrap, in which the recipe's own steps run.
#
#   envs/container.sh build ROOT            %files, %post and %test of the recipe, in a new folder ROOT (about 8 GB)
#   envs/container.sh run ROOT COMMAND...   COMMAND in ROOT, with %environment; it sees the working directory, and no other files of the host
#
# Needs root and debootstrap. MIRROR names another mirror of Debian. pip's settings (PIP_* and its files) hold inside too. Where a registry
# can be reached, `apptainer build koopflow.sif envs/koopflow.def` makes an image that needs neither.
set -eu

SUITE=bookworm # of the recipe's image; its Python is the recipe's 3.11
RECIPE=$(dirname "$0")/koopflow.def

section() { # the lines of one section of the recipe
    awk -v name="%$1" '/^%/ { on = ($1 == name); next } on' "$RECIPE"
}

inside() { # ROOT COMMAND...: in namespaces of its own, so that mounts and processes end with the command
    ROOT=$(realpath "$1") HERE=$PWD
    shift
    export ROOT HERE
    unshare --mount --pid --fork --kill-child sh -euc '
        mount --make-rprivate /
        mount -t proc proc "$ROOT/proc"
        mount --rbind /dev "$ROOT/dev"
        mkdir -p "$ROOT$HERE"
        mount --bind "$HERE" "$ROOT$HERE"
        if [ -n "${WHEELS:-}" ]; then mkdir -p "$ROOT$WHEELS"; mount --bind "$WHEELS" "$ROOT$WHEELS"; fi
        exec chroot "$ROOT" /bin/sh -euc "cd \"\$HERE\"; PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin HOME=/root TMPDIR=/tmp; export PATH HOME TMPDIR; unset ROOT HERE; exec \"\$@\"" sh "$@"
    ' sh "$@"
}

build() { # ROOT
    [ ! -e "$1" ] || { echo "$0: $1 exists; remove it, or run something in it" >&2 && exit 1; }
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$SUITE" "$1" ${MIRROR:+"$MIRROR"}
    cp /etc/resolv.conf "$1/etc/resolv.conf"
    for file in /etc/pip.conf "$HOME/.config/pip/pip.conf" /etc/ssl/certs/ca-certificates.crt; do
        if [ -e "$file" ]; then mkdir -p "$1$(dirname "$file")" && cp "$file" "$1$file"; fi
    done
    section files | while read -r source place; do
        [ -z "$source" ] || { mkdir -p "$1$(dirname "$place")" && cp "$source" "$1$place"; }
    done
    inside "$1" python3 -m venv /opt/venv
    inside "$1" sh -euc "$(section post)"
    inside "$1" sh -euc "$(section test)"
}

case "${1:-}" in
    build) [ $# = 2 ] && build "$2" ;;
    run) [ $# -ge 3 ] && root=$2 && shift 2 && inside "$root" sh -euc "$(section environment)
exec \"\$@\"" sh "$@" ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
