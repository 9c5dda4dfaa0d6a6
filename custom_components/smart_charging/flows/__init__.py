"""The forms: site, device, vehicle, price."""
