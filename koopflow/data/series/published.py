"""Published series that are downloaded on first use: address and checksum of each file. This module
imports nothing large, because the plan of a study reads it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published file, and where its samples stand in it.

    Attributes
    ----------
    file : str
        Its name below ``data_root/timeseries``.
    address : str
        Where it is downloaded from.
    sha256 : str
        Checksum of the file, unpacked.
    time, value : columns
        As the keys of a series of one's own.
    member : str
        Its name in the archive at `address`; empty if the address is the file's own.
    label : str
        The values on axes.
    """

    file: str
    address: str
    sha256: str
    time: str | tuple[str, str]
    value: str
    member: str = ""
    label: str = ""


BIKES = "https://archive.ics.uci.edu/static/public/275/bike+sharing+dataset.zip"
FILES = {
    # Patients with influenza-like illness per week in the United States, 2002-2020 (CDC, ILINet).
    "influenza": Published(
        file="national_illness.csv",
        address="https://raw.githubusercontent.com/junwoopark92/Self-Supervised-Contrastive-Forecsating/"
        "e20c108114cf68d451c938712ad28dac5f83ef6e/dataset/illness/national_illness.csv",
        sha256="8594cecb98c6f2f9dc014eca11c4d5d1e38ad5ce6ed0592d4abe65b146fce395",
        time="date",
        value="ILITOTAL",
        label="patients per week",
    ),
    # Capital Bikeshare, Washington, D.C. (Fanaee-T and Gama, Prog. Artif. Intell. 2, 2014; UCI set 275).
    "bike_share_daily": Published(
        file="day.csv",
        address=BIKES,
        sha256="a6bcf826782d3c0fbfdcbeead17cd0884185a0dafe8ff10cd48a874ee7ba18be",
        time="dteday",
        value="cnt",
        member="day.csv",
        label="rentals per day",
    ),
    "bike_share_hourly": Published(
        file="hour.csv",
        address=BIKES,
        sha256="e03de4ee4ef4dc376ac6e04bf829673c6269e8eba5c60fa121640fa2f829504f",
        time=("dteday", "hr"),
        value="cnt",
        member="hour.csv",
        label="rentals per hour",
    ),
}
"""The files by the name of their source."""
