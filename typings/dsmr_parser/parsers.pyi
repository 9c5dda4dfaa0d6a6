from collections.abc import Mapping

from .objects import Telegram

class TelegramParser:
    def __init__(
        self,
        telegram_specification: Mapping[str, object],
        apply_checksum_validation: bool = True,
    ) -> None: ...
    def parse(self, telegram_data: str) -> Telegram: ...
    @staticmethod
    def crc16(telegram: str) -> int: ...
