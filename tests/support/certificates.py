"""Certificates of the tests: an authority of their own and what it signs, made by openssl."""
import pathlib
import ssl
import subprocess


class Certificates:
    """Writes NAME.pem and NAME.key into a folder; the authority is ca.pem."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                     "-subj", "/CN=leat test authority", "-days", "2")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)

    def signed(self, name, alternative="IP:127.0.0.1", days="2"):
        """By the authority; the paths of certificate and key. Negative days: it has expired."""
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                     "-subj", f"/CN={name}")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.files(name)

    def self_signed(self, name):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem",
                     "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
        return self.files(name)

    def files(self, name):
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


def server_context(files):
    """For a server in this process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context
