"""Signs requests with botocore: one JSON object a line in, one with the signed request out."""
import json
import sys
from datetime import datetime, timezone

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def sign(given):
    pair = Credentials(given["id"], given["secret"])
    request = AWSRequest(method=given["method"], url=given["url"], data=given.get("body", "").encode())
    for name, value in given["headers"]:
        request.headers.add_header(name, value)
    if given["presign"]:
        S3SigV4QueryAuth(pair, "s3", given["region"], expires=given["expires"]).add_auth(request)
    else:
        S3SigV4Auth(pair, "s3", given["region"]).add_auth(request)
    return {"url": request.url, "headers": list(request.headers.items())}


for line in sys.stdin:
    print(json.dumps(sign(json.loads(line))), flush=True)
