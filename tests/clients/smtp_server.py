"""A mail server that we did not write, on two ports: TLS from the first byte, and STARTTLS demanded. It takes mail from who
knows the password, and appends it to a file.

smtp_server.py SMTPS-PORT SMTP-PORT CERTIFICATE KEY FILE
"""

import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

smtps, smtp, certificate, key, file = sys.argv[1:]
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(certificate, key)


class Keep:
    def __init__(self, how):
        self.how = how

    async def handle_DATA(self, server, session, envelope):
        with open(file, "a") as out:
            out.write(f"== {self.how} for {','.join(envelope.rcpt_tos)}\n{envelope.content.decode('ascii')}\n")
        return "250 OK"


def known(server, session, envelope, mechanism, auth_data):
    return AuthResult(success=(auth_data.login, auth_data.password) == (b"medlock", b"of the mail server"))


auth = {"authenticator": known, "auth_required": True, "auth_require_tls": True}
# Who begins with TLS has it already, which the library does not see.
over_tls = {**auth, "auth_require_tls": False}
Controller(Keep("smtps"), "127.0.0.1", int(smtps), ssl_context=tls, **over_tls).start()
Controller(Keep("starttls"), "127.0.0.1", int(smtp), tls_context=tls, require_starttls=True, **auth).start()
threading.Event().wait()
