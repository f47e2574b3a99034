"""RFC 8785 canonical JSON, byte for byte what core/digest.ts writes (tests/contracts/canonical.json holds both to it)."""

import json
import math
from typing import Any

from ratchet_gpu.blobs import digest_of_bytes

_LARGEST_EXACT = 2**53


def canonical_json(value: Any) -> str:
    """Raises ValueError, without quoting the value, for what JSON cannot carry or a double cannot hold exactly."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # JSON's numbers are doubles: JavaScript writes large ones as integers, which Python then reads as int.
        if abs(value) <= _LARGEST_EXACT or (abs(value) < 10**21 and _number(float(value)) == str(value)):
            return str(value)
        raise ValueError("an integer is beyond the exact range of a double")
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(canonical_json(item) for item in value)}]"
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a key is not a string")
        # RFC 8785, 3.2.3: keys sort by UTF-16 code units, which differs from code points above U+FFFF.
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return f"{{{','.join(f'{_string(key)}:{canonical_json(value[key])}' for key in keys)}}}"
    raise ValueError(f"{type(value).__name__} is not JSON")


def digest_of_json(value: Any) -> str:
    return digest_of_bytes(canonical_json(value).encode("utf-8"))


def _string(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a string holds half of a surrogate pair") from None
    # DEL is the one character that differs: json.dumps leaves it as it is, and so does RFC 8785.
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """ECMAScript's Number::toString (RFC 8785, 3.2.2.3); Python's repr has the same shortest digits in another form."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinity are not JSON")
    if value == 0:
        return "0"
    mantissa, _, exponent_text = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    # The value is 0.<digits> * 10**point.
    point = len(whole) + int(exponent_text or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        exponent = point - 1
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        text = f"{digits[0]}{rest}e{'+' if exponent > 0 else '-'}{abs(exponent)}"
    return f"-{text}" if value < 0 else text
