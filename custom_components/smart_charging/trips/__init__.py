"""Goals of vehicles: from minimum SoC, ready-by times, energy requests and, later, calendars."""
