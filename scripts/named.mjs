// `npm test -- native e2e`, `npm run check -- clippy types`: the steps that the command line names.
import { StepFailed } from "./run-step.mjs";

/**
 * @template {{ name: string }} Step
 * @param {string} kind what a step is called, for the error
 * @param {Step[]} steps
 * @param {string[]} names
 * @returns {Step[]} the named steps in the order of `steps`; all of them when `names` is empty
 * @throws {StepFailed} for an unknown name, listing those that exist
 */
export function named(kind, steps, names) {
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    throw new StepFailed(
      `No ${kind} named ${unknown.join(", ")}. There are: ${steps.map(({ name }) => name).join(", ")}.`,
    );
  }
  return names.length === 0 ? steps : steps.filter(({ name }) => names.includes(name));
}
