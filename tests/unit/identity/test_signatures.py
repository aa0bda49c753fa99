"""Known answers: the AWS documents' example keys, RFC 6238's seed; and botocore's way to sign, written out."""

import base64
import hashlib
import hmac

import pytest

from skyloom.identity.signatures import SignedRequest, is_signed, is_signed_text, totp

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SCOPE = "20150830/us-east-1/iam/aws4_request"
HEADERS = {
    "Host": "iam.amazonaws.com",
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "X-Amz-Date": "20150830T123600Z",
    "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{SCOPE}, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=ignored-here",
}
SIGNATURE = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


def documented(signature: str = SIGNATURE, verb: str = "GET") -> SignedRequest:
    """The worked example of the AWS documents for version 4: ListUsers of IAM."""
    return SignedRequest(
        access="AKIDEXAMPLE",
        signature=signature,
        host="iam.amazonaws.com",
        verb=verb,
        path="/",
        params={"Action": "ListUsers", "Version": "2010-05-08"},
        headers=HEADERS,
        body_hash=hashlib.sha256(b"").hexdigest(),
    )


def test_the_documented_example_of_version_4_is_signed() -> None:
    assert is_signed(documented(), SECRET)


def test_another_secret_verb_or_signature_is_not() -> None:
    assert not is_signed(documented(), "other")
    assert not is_signed(documented(verb="DELETE"), SECRET)
    assert not is_signed(documented(signature="0" * 64), SECRET)


def test_version_2_signs_verb_host_path_and_sorted_parameters() -> None:
    params = {"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "Action": "DescribeInstances", "a b": "~"}
    text = "GET\nec2.test\n/\nAction=DescribeInstances&SignatureMethod=HmacSHA256&SignatureVersion=2&a%20b=~"
    signature = base64.b64encode(hmac.new(b"key", text.encode(), hashlib.sha256).digest()).decode()
    request = SignedRequest("a", signature, host="EC2.test", verb="get", params={**params, "Signature": "x"})
    assert is_signed(request, "key")
    assert not is_signed(request, "other")


def test_an_unknown_version_is_never_signed() -> None:
    assert not is_signed(SignedRequest("a", "", params={"SignatureVersion": "0"}), "key")


def test_a_text_of_s3_is_signed_by_sha1() -> None:
    text = b"GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/bucket/key"
    signature = base64.b64encode(hmac.new(b"key", text, hashlib.sha1).digest()).decode()
    assert is_signed_text(base64.urlsafe_b64encode(text).decode(), signature, "key")
    assert not is_signed_text(base64.urlsafe_b64encode(text + b"x").decode(), signature, "key")


@pytest.mark.parametrize("text", ["%%%", "", base64.b64encode(b"AWS4-HMAC-SHA256\nshort").decode()])
def test_a_broken_text_of_s3_is_not_signed(text: str) -> None:
    assert not is_signed_text(text, "x", "key")


@pytest.mark.parametrize(
    ("at_s", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_one_time_passwords_are_those_of_the_rfc(at_s: int, code: str) -> None:
    assert totp(base64.b32encode(b"12345678901234567890").decode(), at_s) == code
