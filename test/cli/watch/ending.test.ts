import { describe, expect, it } from "vitest";
import { Ending } from "../../../src/cli/watch/ending.ts";
import { FakeClock } from "./fake-clock.ts";

function make(drain: number): { clock: FakeClock; stop: AbortController; abort: AbortController; ending: Ending } {
  const clock = new FakeClock();
  const [stop, abort] = [new AbortController(), new AbortController()];
  return { clock, stop, abort, ending: new Ending({ stop: stop.signal, abort: abort.signal }, clock, () => drain) };
}

describe("ending", () => {
  it("gives half of its time to what was begun, and the rest to alarms", async () => {
    const { clock, stop, ending } = make(20_000);
    await clock.pass(60_000);
    expect(ending.abort.aborted).toBe(false);
    stop.abort();
    await clock.pass(9999);
    expect(ending.abort.aborted).toBe(false);
    expect(ending.left()).toBe(10_001);
    await clock.pass(1);
    expect(ending.abort.aborted).toBe(true);
    expect(ending.left()).toBe(10_000);
  });

  it("leaves alarms a little time in any case", async () => {
    const { clock, stop, ending } = make(0);
    stop.abort();
    await clock.pass(60_000);
    expect(ending.abort.aborted).toBe(true);
    expect(ending.left()).toBe(2000);
  });

  it("ends at once at the second signal", async () => {
    const { stop, abort, ending } = make(20_000);
    stop.abort();
    abort.abort();
    expect(ending.abort.aborted).toBe(true);
  });
});
