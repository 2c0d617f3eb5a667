package steward

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hotseat/backend/playtest"
)

func TestAnOfferIsAnsweredToThePageThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffers(time.Now)
		if err := o.put("viewer", "r-1", "offer"); err != nil {
			t.Fatal(err)
		}
		got := make(chan string)
		go func() {
			answer, err := o.wait(t.Context(), "viewer", "r-1")
			if err != nil {
				t.Error(err)
			}
			got <- answer
		}()
		synctest.Wait()
		x, err := o.take(t.Context(), "viewer", "r-1", time.Second)
		if err != nil || x.offer != "offer" {
			t.Fatalf("exchange = %+v, %v", x, err)
		}
		o.answer(x, "answer")
		if answer := <-got; answer != "answer" {
			t.Fatalf("answer = %q", answer)
		}
	})
}

func TestAnOfferMayComeAfterTheApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffers(time.Now)
		go func() {
			time.Sleep(time.Second) // of the bubble's clock
			_ = o.put("viewer", "r-1", "late offer")
		}()
		x, err := o.take(t.Context(), "viewer", "r-1", 5*time.Second)
		if err != nil || x.offer != "late offer" {
			t.Fatalf("exchange = %+v, %v", x, err)
		}
	})
}

func TestAPageThatSendsNoOfferIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffers(time.Now)
		begun := time.Now()
		if _, err := o.take(t.Context(), "viewer", "r-1", 5*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("err = %v", err)
		}
		if waited := time.Since(begun); waited != 5*time.Second {
			t.Fatalf("waited %s", waited)
		}
		if _, err := o.wait(t.Context(), "viewer", "r-1"); !errors.Is(err, errLateOffer) {
			t.Fatalf("the page that comes too late reads %v", err)
		}
	})
}

func TestANewerOfferReplacesAnOlderOneUntilItIsTaken(t *testing.T) {
	o := newOffers(time.Now)
	for _, offer := range []string{"old", "new"} {
		if err := o.put("viewer", "r-1", offer); err != nil {
			t.Fatal(err)
		}
	}
	if x, err := o.take(t.Context(), "viewer", "r-1", time.Second); err != nil || x.offer != "new" {
		t.Fatalf("exchange = %+v, %v", x, err)
	}
	if err := o.put("viewer", "r-1", "newest"); !errors.Is(err, ErrOfferTaken) {
		t.Fatalf("err = %v", err)
	}
}

func TestAPageReloadedTwiceGetsTheAnswerToItsNewestOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffers(time.Now)
		if err := o.put("player", "", "first"); err != nil {
			t.Fatal(err)
		}
		first, err := o.take(t.Context(), "player", "", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.put("player", "", "second"); err != nil {
			t.Fatal(err)
		}
		if !o.has("player", "") {
			t.Fatal("the newer offer is not seen")
		}
		got := make(chan string)
		go func() {
			answer, err := o.wait(t.Context(), "player", "")
			if err != nil {
				t.Error(err)
			}
			got <- answer
		}()
		synctest.Wait()
		o.answer(first, "to the first")
		second, err := o.take(t.Context(), "player", "", time.Second)
		if err != nil || second.offer != "second" {
			t.Fatalf("exchange = %+v, %v", second, err)
		}
		o.answer(second, "to the second")
		if answer := <-got; answer != "to the second" {
			t.Fatalf("answer = %q", answer)
		}
	})
}

func TestOffersOfRequestsThatEndedAreForgotten(t *testing.T) {
	o := newOffers(time.Now)
	if err := o.put("viewer", "r-1", "offer"); err != nil {
		t.Fatal(err)
	}
	o.prune(&playtest.State{})
	if _, err := o.wait(t.Context(), "viewer", "r-1"); !errors.Is(err, ErrNoOffer) {
		t.Fatalf("err = %v", err)
	}
}

func TestTheEndOfASessionWakesEverybodyWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffers(time.Now)
		if err := o.put("viewer", "r-1", "offer"); err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		go func() {
			_, err := o.wait(t.Context(), "viewer", "r-1")
			failed <- err
		}()
		synctest.Wait()
		o.close()
		if err := <-failed; !errors.Is(err, ErrNoOffer) {
			t.Fatalf("err = %v", err)
		}
	})
}
