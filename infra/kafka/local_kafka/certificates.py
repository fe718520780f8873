"""A certificate authority for one cluster, and the certificate of its nodes.

Made with the ``openssl`` program; valid for a week on 127.0.0.1 and localhost, and for nothing
else. Clients are not given certificates: they log in by SCRAM.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_kafka.errors import CertificatesError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NODE_NAME", "Certificates", "make_certificates"]

NODE_NAME = "kafka"
"""The common name of every node; to Kafka's authorizer its principal is ``User:CN=kafka``."""

_DAYS = "7"
_SECONDS = 60.0
# Python 3.13 refuses a CA without these (VERIFY_X509_STRICT).
_CA = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
_NODE = (
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    # Nodes are clients of one another too.
    "extendedKeyUsage=serverAuth,clientAuth",
    "subjectAltName=IP:127.0.0.1,DNS:localhost",
)


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: what clients trust, and key with chain of a node."""

    ca: Path
    node: Path


def make_certificates(folder: Path) -> Certificates:
    """New keys and certificates in a folder; CertificatesError."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    certificate, key = folder / "node.crt", folder / "node.key"
    _request("/CN=local Kafka CA", ca_key, ca, _CA)
    _request(f"/CN={NODE_NAME}", key, certificate, _NODE, "-CA", str(ca), "-CAkey", str(ca_key))
    node = folder / "node.pem"
    node.touch(mode=0o600)
    node.write_text(key.read_text() + certificate.read_text() + ca.read_text())
    return Certificates(ca, node)


def _request(subject: str, key: Path, out: Path, extensions: tuple[str, ...], *more: str) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-noenc", "-days", _DAYS, "-subj", subject, "-keyout", str(key), "-out", str(out)]
    for extension in extensions:
        command += ["-addext", extension]
    try:
        done = subprocess.run(  # noqa: S603 - arguments are ours
            [*command, *more], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificatesError(str(error)) from error
    if done.returncode != 0:
        raise CertificatesError(done.stderr.strip())
