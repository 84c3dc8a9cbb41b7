"""Texts of why a process was ended: namespaces, codes, watchdogs and their figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.ips import stackshot
from traceview_parsers.ips.limits import usage
from traceview_parsers.ips.termination import NAMESPACES, namespace_name, termination

WATCHDOG = (
    "<RBSTerminateContext| domain:10 code:0x8BADF00D explanation:[app<com.acme.voip>:123] Failed to terminate gracefully "
    "after 5.0s\nProcessVisibility: Foreground\nProcessState: Running\nWatchdogEvent: process-exit\nWatchdogVisibility: Background\n"
    'WatchdogCPUStatistics: (\n"Elapsed total CPU time (seconds): 9.680 (user 8.060, system 1.620), 30% CPU",\n'
    '"Elapsed application CPU time (seconds): 5.035, 17% CPU"\n)\nThermalInfo: (\n"Thermal Level:   11",\n'
    '"Thermal State:   critical"\n) reportType:CrashLog maxTerminationResistance:Interactive>'
)


def test_watchdog_statistics() -> None:
    found = termination(WATCHDOG)
    assert (found.namespace, found.code, found.allowance_s) == ("FRONTBOARD", "0x8badf00d", 5.0)
    assert (found.visibility, found.watchdog_visibility, found.process_state) == ("Foreground", "Background", "Running")
    assert (found.cpu_total_s, found.cpu_total_percent) == (9.68, 30)
    assert (found.cpu_app_s, found.cpu_app_percent) == (5.035, 17)
    assert found.thermal_state == "critical"
    assert found.explanation == "[app<com.acme.voip>:123] Failed to terminate gracefully after 5.0s"


@pytest.mark.parametrize(
    ("text", "allowance", "total", "app"),
    [
        # quotes of iOS 11, 12 and 9
        (
            (
                "Namespace SPRINGBOARD, Code 0x8badf00d\nTermination Description: SPRINGBOARD, process-exit watchdog "
                "transgression: Acme exhausted real (wall clock) time allowance of 5.00 seconds |  | Elapsed total CPU time "
                "(seconds): 10.010 (user 10.010, system 0.000), 100% CPU | Elapsed application CPU time (seconds): 8.442, 84% CPU | "
            ),
            5.0,
            (10.01, 100),
            (8.442, 84),
        ),
        (
            (
                "Termination Description: SPRINGBOARD, scene-create watchdog transgression: Acme exhausted CPU time allowance of "
                '2.38 seconds |  | ProcessVisibility: Background | WatchdogCPUStatistics: ( | "Elapsed total CPU time (seconds): '
                '23.520 (user 23.520, system 0.000), 100% CPU", | "Elapsed application CPU time (seconds): 5.151, 22% CPU" | )'
            ),
            2.38,
            (23.52, 100),
            (5.151, 22),
        ),
        (
            (
                "com.acme failed to scene-create after 19.81s (launch took 0.19s of total time limit 20.00s)\n"
                "Elapsed total CPU time (seconds): 7.690 (user 7.690, system 0.000), 19% CPU\n"
                "Elapsed application CPU time (seconds): 0.697, 2% CPU"
            ),
            20.0,
            (7.69, 19),
            (0.697, 2),
        ),
    ],
)
def test_older_watchdogs(text: str, allowance: float, total: tuple[float, float], app: tuple[float, float]) -> None:
    found = termination(text)
    assert found.allowance_s == allowance
    assert (found.cpu_total_s, found.cpu_total_percent) == total
    assert (found.cpu_app_s, found.cpu_app_percent) == app


def test_namespaces_by_number_and_name() -> None:
    assert [namespace_name(value) for value in (10, "15", "SIGNAL", 999, "", True, None)] == [
        "FRONTBOARD",
        "RUNNINGBOARD",
        "SIGNAL",
        "999",
        None,
        None,
        None,
    ]
    assert len(set(NAMESPACES.values())) == len(NAMESPACES)


@given(st.text(st.sampled_from("()<>|:,.% \nCode0xNamespacedomain:10Elapsedtotal123456789CPU"), max_size=200))
def test_any_termination_text_is_read(text: str) -> None:
    termination(text)
    usage(text)
    stackshot.text_processes(text)
