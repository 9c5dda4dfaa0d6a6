V5: dict[str, object]
