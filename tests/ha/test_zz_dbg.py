import pytest
from .test_faults_acting import charging
@pytest.mark.freeze_time("2026-11-20 18:00:00+00:00")
async def test_x(make_home):
    home = await charging(make_home, 20)
    print("PEAK", home.site.history.house_peak_a(), home.site.runners["meter_sub"].interval_s("meter"))
    home.p1.inject("stall", None)
    for i in range(25):
        await home.tick(1)
        st=home.site.actor
        print(i, st.setpoints.chargers, st._state.meter_interval_s, home.site.meter is None, home.house.chargers["charger"].offered_a)
