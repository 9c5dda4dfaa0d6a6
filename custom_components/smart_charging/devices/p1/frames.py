"""Cuts a stream of bytes into telegrams. Never raises, never grows without bound."""

import re
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from dsmr_parser.clients.telegram_buffer import EncryptedTelegramBuffer

BUFFER_BYTES = 16 * 1024
"""A telegram with 13 months of peaks has 2 kB; what exceeds this is noise."""

_START = re.compile(rb"/[A-Za-z]{3}[0-9]")
"""Maker and baud rate as IEC 62056-21 starts a telegram. A bare slash would not do: a text
message of the grid operator may hold one."""
_END = re.compile(rb"(?<=[\r\n])![0-9A-Fa-f]{0,4}\0?\r?\n")


class Frames(Protocol):
    """Turns bytes as they come in into the texts of whole telegrams."""

    def feed(self, data: bytes) -> list[str]:
        """Take bytes in; return the telegrams that they complete, from `/` to the line end."""


class PlainFrames:
    """Telegrams in clear text, decoded as Latin-1 so that no byte can fail."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """Take bytes in; return the telegrams that they complete. Checksums are not looked at."""
        # Only the tail can hold an end that was not there before.
        unseen = max(0, len(self._buffer) - 8)
        self._buffer += data
        telegrams = []
        done = 0
        while (end := _END.search(self._buffer, max(unseen, done))) is not None:
            # The last start before the end: earlier ones are telegrams that were cut off.
            starts = [m.start() for m in _START.finditer(self._buffer, done, end.start())]
            if starts:
                telegrams.append(self._buffer[starts[-1] : end.end()].decode("latin-1"))
            done = end.end()
        del self._buffer[: max(done, len(self._buffer) - BUFFER_BYTES)]
        return telegrams


class EncryptedFrames:
    """Telegrams in DLMS general-global-cipher frames (Luxembourg, Austria).

    Only the encryption key is needed: what it decrypts carries its own checksum, so the
    cipher's authentication tag adds nothing.
    """

    def __init__(self, key: bytes) -> None:
        """Take the 16 bytes of the key."""
        self._key = key
        self._buffer = EncryptedTelegramBuffer()
        self._pending_bytes = 0

    def feed(self, data: bytes) -> list[str]:
        """Take bytes in; return the telegrams that they complete, garbled where the key is wrong."""
        self._buffer.append(data)
        self._pending_bytes += len(data)
        telegrams = []
        for frame in self._buffer.get_all():
            self._pending_bytes = 0
            telegrams.append(_decrypt(bytes.fromhex(frame), self._key))
        if self._pending_bytes > BUFFER_BYTES:
            # Noise looked like the start of a long frame; begin anew.
            self._buffer = EncryptedTelegramBuffer()
            self._pending_bytes = 0
        return telegrams


def _decrypt(frame: bytes, key: bytes) -> str:
    """Return the text of a frame: AES-GCM without its tag, which is AES-CTR from block 2.

    Layout (DLMS green book): 0xDB, length and bytes of the system title, 0x82 and two bytes of
    length, one of security control, four of frame counter, ciphertext, tag of 12 bytes.
    """
    title_end = 2 + frame[1]
    title = frame[2:title_end]
    counter = frame[title_end + 4 : title_end + 8]
    block = (title + counter + b"\0\0\0\2")[:16].ljust(16, b"\0")
    decryptor = Cipher(algorithms.AES(key), modes.CTR(block)).decryptor()
    text = decryptor.update(frame[title_end + 8 : -12]) + decryptor.finalize()
    return text.decode("latin-1")
