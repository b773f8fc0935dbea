package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/ops"
)

func (a *app) undoCommand() *cobra.Command {
	var product, since string
	command := &cobra.Command{
		Use:   "undo PLAN | undo CONNECTOR --product KEY | undo CONNECTOR --since TIME",
		Short: "Bring back what was written, and hold it so",
		Long: `Bring products back to how they were at a platform: all that a plan changed, or one
product, or all that was written since a time. What was created is taken off sale;
what was adopted stays linked. They are kept so, whatever their source says, until
release.`,
		Example: "  synchost undo 3\n  synchost undo shop --product 4711\n  synchost undo shop --since 2h",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			ctx := command.Context()
			var answer ops.Undone
			var err error
			if product == "" && since == "" {
				if _, _, wrong := readPlanName(args[0]); wrong != nil {
					return usageError(fmt.Sprintf("%q is no plan: name one, or write undo %s --product KEY, or --since TIME", args[0], args[0]))
				}
				plan, wrong := a.getPlan(ctx, args[0])
				if wrong != nil {
					return wrong
				}
				answer, err = call[ops.Undone](ctx, a, "POST", fmt.Sprintf("/v1/plans/%d/undo", plan.ID), nil, nil)
			} else {
				request := ops.UndoRequest{Product: product}
				if since != "" {
					point, err := a.since(since)
					if err != nil {
						return err
					}
					if request.Since = point.Time; point.Seq > 0 {
						return usageError("--since takes a time here, such as 2h or \"2026-09-01 08:00\"")
					}
				}
				answer, err = post[ops.Undone](a, command, args[0], "undo", request)
			}
			if err != nil {
				return err
			}
			return a.show(answer, func() error {
				if answer.Waits != "" {
					fmt.Fprintf(a.out, "%s to be brought back and held, and nothing is written yet: %s\n", count(answer.Products, "product"), clean(answer.Waits))
					return nil
				}
				_, err := fmt.Fprintf(a.out, "%s brought back and held. Let them go with: synchost release CONNECTOR PRODUCT...\n", count(answer.Products, "product"))
				return err
			})
		},
	}
	command.Flags().StringVar(&product, "product", "", "only the product of this `key`")
	command.Flags().StringVar(&since, "since", "", "what was written since a `time` such as 2h (ago), or \"2026-09-01 08:00\"")
	return command
}

func (a *app) holdCommand() *cobra.Command {
	var reason string
	command := &cobra.Command{
		Use:     "hold CONNECTOR PRODUCT...",
		Short:   "Leave products as they are at a platform until release",
		Long:    "Leave products as they are at a platform, whatever their source says, until release.",
		Example: "  synchost hold shop 4711 --reason \"the photo is being retouched there\"",
		Args:    arguments(2, -1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.order(command, args[0], "hold", ops.HoldRequest{Keys: args[1:], Reason: reason},
				"%s held at %s. Let them go with: synchost release %s %s", count(int64(len(args)-1), "product"), args[0], args[0], strings.Join(args[1:], " "))
		},
	}
	command.Flags().StringVar(&reason, "reason", "", "is shown to whoever asks why it does not change")
	return command
}

func (a *app) releaseCommand() *cobra.Command {
	var all bool
	command := &cobra.Command{
		Use:   "release CONNECTOR [PRODUCT...]",
		Short: "Let products follow their source again that were held, taken back or unlinked",
		Long: `Let products follow their source again that were held, taken back by undo, left
alone because they are fought over, or unlinked: those that are named, or all of
them with --all. One that was unlinked is made anew at the platform then.`,
		Example: "  synchost release shop 4711\n  synchost release shop --all",
		Args:    arguments(1, -1),
		RunE: func(command *cobra.Command, args []string) error {
			connector, keys := args[0], args[1:]
			if all == (len(keys) > 0) {
				return usageError("name the products to release, or write --all")
			}
			answer, err := post[ops.Released](a, command, connector, "release", ops.ReleaseRequest{Keys: keys, All: all})
			if err != nil {
				return err
			}
			return a.show(answer, func() error {
				fmt.Fprintf(a.out, "%s released at %s.\n", count(answer.Released, "product"), connector)
				if len(answer.Others) > 0 {
					fmt.Fprintf(a.out, "Not on hold: %s\n", clean(strings.Join(answer.Others, " ")))
				}
				return nil
			})
		},
	}
	command.Flags().BoolVar(&all, "all", false, "all products that are on hold")
	return command
}

func (a *app) linkCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "link CONNECTOR PRODUCT ID",
		Short:   "Say which product at a platform one of ours is",
		Long:    "Say which product at a platform, by its id there, one of ours is, by its key. From then on it is brought in step.",
		Example: "  synchost link shop 4711 gid://shop/Product/991",
		Args:    arguments(3, 3),
		RunE: func(command *cobra.Command, args []string) error {
			return a.order(command, args[0], "link", ops.LinkRequest{Key: args[1], Remote: args[2]}, "%s is %s at %s.", args[1], args[2], args[0])
		},
	}
}

func (a *app) unlinkCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "unlink CONNECTOR PRODUCT...",
		Short:   "Forget which products at a platform are ours, and leave them as they are",
		Long:    "Forget which products at a platform are ours. They are left as they are, and not created anew, until link or release.\nReleased, they are looked for by key and code, and created where they are not there.",
		Example: "  synchost unlink shop 4711",
		Args:    arguments(2, -1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.order(command, args[0], "unlink", ops.KeysRequest{Keys: args[1:]}, "%s unlinked at %s, and left alone there.", count(int64(len(args)-1), "product"), args[0])
		},
	}
}

func (a *app) backfillCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backfill CONNECTOR",
		Short: "Decide all products of the catalog again at a connector",
		Long: `Decide all products of the catalog again at a connector. What is missing there is
created and what is out of step is written, as far as it is known here; to look at
the platform itself, use plan.`,
		Example: "  synchost backfill shop",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.order(command, args[0], "replay", ops.ReplayRequest{Seq: 1}, "%s goes through the whole catalog again: synchost status %s tells how far it is", args[0], args[0])
		},
	}
}
