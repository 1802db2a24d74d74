// Every refusal and every malformed part is an Error.
export function demand(condition) {
  if (!condition) throw new Error('not valid')
}

// What an action returns, or undefined where it refuses. A name that does not exist is a fault of this program.
export function attempt(action) {
  try {
    return action()
  } catch (error) {
    if (error instanceof ReferenceError) throw error
  }
}
