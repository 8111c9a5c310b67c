"""The test format of test/lit.cfg.py: shell tests, and C unit tests that need no RUN line."""
import os

import lit.formats
import lit.Test
import lit.util


class BpcTest(lit.formats.ShTest):
    def __init__(self, top):
        super().__init__(execute_external=False)
        self.top = top

    def execute(self, test, lit_config):
        path = test.getSourcePath()
        if path.endswith(".c"):
            with open(path, encoding="utf-8") as handle:
                if "RUN:" not in handle.read():
                    return self.run_unit(test, path)
        return super().execute(test, lit_config)

    def run_unit(self, test, path):
        """Builds the file with the library, as `make` told us to, and runs it from the top folder."""
        binary = os.path.splitext(test.getExecPath())[0] + ".unit"
        os.makedirs(os.path.dirname(binary), exist_ok=True)
        build = os.environ["UNIT"].split() + [path, "-o", binary] + os.environ["UNIT_LIBS"].split()
        for command in (build, [binary]):
            # Not lit's own limit of time, which needs a package that may not be there.
            out, err, code = lit.util.executeCommand(
                ["timeout", "-k", "5", "900"] + command, cwd=self.top, env=dict(test.config.environment))
            if code:
                text = "$ %s\n%s%s\nexit status %d" % (" ".join(command), out, err, code)
                return lit.Test.FAIL, text
        return lit.Test.PASS, ""
