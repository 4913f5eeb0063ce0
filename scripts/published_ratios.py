"""Published ratios of designs against those of the program, on the networks of their papers.

Imported by hardware_tables.py. Every figure is a run of `bitline estimate`; what a table needs of other readings of
a paper is a small file that extends a shipped design.
"""
import json
import pathlib
import statistics
import subprocess
import tempfile

ISAAC_NETWORKS = ["vgg-a", "vgg-b", "vgg-d", "vgg-e", "msra-a", "msra-b", "deepface"]
CASCADE_NETWORKS = ["alexnet", "vgg-a", "vgg-b", "vgg-c", "msra-a", "msra-b", "msra-c", "googlenet", "resnet50",
                    "deepface"]
ISAAC_CHIPS = 16  # the weights of MSRA-C do not fit into 16 chips of DaDianNao
CASCADE_CHIPS = 256

READINGS = {
    "copied": "extends: chen-micro-2014\naccelerator: {weights: copied, cite: another reading}\n",
    "links": "extends: chen-micro-2014\naccelerator: {links: 4, cite: another reading}\n",
    "powered": "extends: chen-micro-2014\nchip: {components: {nfu: {idle: powered}, global_bus: {idle: powered}}}\n",
    "gated": "extends: chen-micro-2014\nchip: {components: {edram: {idle: gated}}}\n",
    "flat_rate": "extends: chou-micro-2019-adc\nadc: {rate: 0.6302 GS/s, cite: another reading}\n",
    "slow_read": "extends: chou-micro-2019\narray: {cycle: 100 ns, cite: another reading}\n",
    "slow_adc": "extends: chou-micro-2019-adc\narray: {cycle: 100 ns, cite: another reading}\n",
    "eight_bits": "extends: si-isscc-2020\noperands: {weight_bits: 8, input_bits: 8, cite: another reading}\n",
}


class Program:
    """Runs of the program, and files for other readings."""

    def __init__(self, path, folder):
        self.path, self.folder = str(path), pathlib.Path(folder)
        for name, body in READINGS.items():
            text = f"schema: bitline-hardware/1\nname: {name}\n{body}"
            (self.folder / f"{name}.yaml").write_text(text)

    def file(self, reading):
        return str(self.folder / f"{reading}.yaml")

    def json(self, *words):
        run = subprocess.run([self.path, *map(str, words), "--format", "json"], capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, words))}: {run.stderr.strip()}")
        return json.loads(run.stdout)

    def estimate(self, network, hardware, others, chips, *more):
        return self.json("estimate", f"zoo:{network}", "--hardware", hardware, "--chips", chips, "--rows", "packed",
                         *more, "--vs", ",".join(others))


def figure(record, key):
    value = record["figures"][key]
    return value["value"] if isinstance(value, dict) else value


def part(record, chip, name):
    rows = record["tables"]["energy_by_component"]["rows"]
    return next(row[f"chip{chip}"] for row in rows if row["component"] == name)


def compared(record):
    return record["tables"]["comparison"]["rows"]


def gap(ours, published):
    return f"{100 * (ours - published) / published:+.1f}"


def row(name, published, ours, mark, digits=2):
    return [name, f"{published:g}", f"{ours:.{digits}f}", gap(ours, published), mark]


RATIO_HEADER = ["ratio", "published", "ours", "gap %", "what it is"]


def isaac_runs(program):
    others = ["dadiannao", *map(program.file, ("copied", "links", "powered", "gated"))]
    return {network: program.estimate(network, "isaac", others, ISAAC_CHIPS) for network in ISAAC_NETWORKS}


def isaac_tables(program):
    runs = isaac_runs(program)

    def rates(index):
        return [compared(r)[index]["period"] / compared(r)[0]["period"] for r in runs.values()]

    def energies(index):
        return [compared(r)[index]["energy"] / compared(r)[0]["energy"] for r in runs.values()]

    mean = statistics.mean
    fit = ", ".join(f"`{name}`" for name, r in runs.items() if compared(r)[2]["bound"] == "complete")

    rows = [row("throughput", 14.8, mean(rates(1)), "RECONSTRUCTED: a weight is on one chip, inputs go to all"),
            row("energy", 5.5, mean(energies(1)),
                "RECONSTRUCTED: units and bus draw power only while they multiply, eDRAM and links all the time"),
            row("energy", 5.5, mean(energies(4)), "all of DaDianNao at full power all the time"),
            row("energy", 5.5, mean(energies(5)), "eDRAM, too, draws power only while units multiply"),
            row("throughput", 14.8, mean(rates(3)), "four links reach every chip, not two"),
            row("throughput", 14.8, mean(rates(2)), f"kernels are on every chip, where they fit for {fit} alone"),
            row("energy", 5.5, mean(energies(2)), "the same")]
    networks = []
    for (network, record), rate, energy in zip(runs.items(), rates(1), energies(1)):
        isaac, other = compared(record)[:2]
        networks.append([f"`{network}`", f"{figure(record, 'macs_per_image') / 1e9:.2f}",
                         f"{figure(record, 'arrays')}", f"{isaac['period']:.1f}", f"{other['period']:.1f}",
                         f"{rate:.2f}", f"{energy:.2f}"])
    header = ["network", "GMAC", "arrays", "period us", "of DaDianNao", "throughput x", "energy x"]
    return {"isaac ratios": (RATIO_HEADER, rows), "isaac networks": (header, networks)}


def cascade_runs(program):
    others = ["cascade-adc", "cascade-raw", "cascade-adc-raw"]
    return {network: program.estimate(network, "cascade", others, CASCADE_CHIPS, "--no-replicas")
            for network in CASCADE_NETWORKS}


def conversions(program, hardware, others):
    record = program.estimate("alexnet", hardware, others, CASCADE_CHIPS, "--no-replicas")
    return sum(r["conversions"] for r in record["tables"]["energy_by_layer"]["rows"]), compared(record)


def cascade_tables(program):
    runs = cascade_runs(program)

    def mean(of):
        return statistics.mean(of(compared(r)) for r in runs.values())

    flat, slow = program.file("flat_rate"), program.file("slow_adc")
    few, with_flat = conversions(program, "cascade", [flat])
    many, _ = conversions(program, "cascade-adc", [slow])
    _, slow_rows = conversions(program, program.file("slow_read"), [slow])
    first = runs[CASCADE_NETWORKS[0]]
    interface = part(first, 1, "adc") / part(first, 0, "macro.transimpedance")
    accumulation = part(first, 1, "macro.accumulation") / part(first, 0, "macro.buffer")
    raw = mean(lambda c: c[3]["energy"] / c[2]["energy"])
    rows = [row("energy", 3.5, mean(lambda c: c[1]["energy"] / c[0]["energy"]),
                "CALIBRATED: wordline drivers of 0.144 pJ instead of 0.397 pJ"),
            row("energy", 3.5, raw, "not fitted, `cascade-raw`: drivers follow from ISAAC's"),
            row("throughput", 1.86, mean(lambda c: c[1]["period"] / c[0]["period"]),
                "RECONSTRUCTED: ADCs set the pace, a step a bit"),
            row("throughput", 1.86, with_flat[1]["period"] / with_flat[0]["period"],
                "every conversion takes the time of eight bits"),
            row("throughput", 1.86, slow_rows[1]["period"] / slow_rows[0]["period"],
                "both read arrays in ISAAC's 100 ns"),
            row("A/D conversions for 16 columns x 16 cycles", 10, 256 * few / many, "INPUT: a key of the file"),
            row("ADC interface over transimpedance, energy", 77.5, interface, "INPUT: the amplifier follows from it"),
            row("digital over analog accumulation, energy", 7.59, accumulation, "INPUT: the buffer follows from it")]
    networks = [[f"`{network}`", f"{figure(record, 'macs_per_image') / 1e9:.2f}"]
                + [f"{compared(record)[1][key] / compared(record)[0][key]:.3f}" for key in ("energy", "period")]
                + [f"{compared(record)[3]['energy'] / compared(record)[2]['energy']:.3f}"]
                for network, record in runs.items()]
    header = ["network", "GMAC", "energy x", "throughput x", "energy x, not fitted"]
    return {"cascade ratios": (RATIO_HEADER, rows), "cascade networks": (header, networks)}


def sram_table(program):
    def efficiency(hardware):
        record = program.json("hardware", "show", hardware)
        return figure(record, "peak") / figure(record, "chip_power")

    rows = [row("4-bit operands, TOPS/W", 68.4, efficiency("sram-28nm"), "INPUT: the array's energy follows from it", 1),
            row("8-bit operands, TOPS/W", 11.5, efficiency("sram-28nm-8b"), "INPUT, the same: one access of 8.4 ns", 1),
            row("8-bit operands, TOPS/W", 11.5, efficiency(program.file("eight_bits")),
                "predicted from the 4-bit end: four accesses instead of one", 1)]
    return {"sram range": (RATIO_HEADER, rows)}


def tables(path):
    """name -> (header, rows)"""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(path, folder)
        return {**isaac_tables(program), **cascade_tables(program), **sram_table(program)}
